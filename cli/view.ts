/** `lait view`: the workbench, one page that this machine alone can open. */
import { once } from 'node:events';
import { printablePath } from '../dataset/escape.ts';
import type { ViewFlags } from './call-flags.ts';
import type { CorpusContext, Nothing } from './command.ts';
import { openWorkbench } from './view/server.ts';

export async function view({ corpusDir, flags, signal }: CorpusContext<ViewFlags>): Promise<void> {
  const { port, edit, ...others } = flags;
  others satisfies Nothing;
  const workbench = await openWorkbench({ corpusDir, port, mayEdit: edit });
  try {
    console.log(`The workbench of ${printablePath(corpusDir)}, until Ctrl-C: ${workbench.url}`);
    if (!signal.aborted) await once(signal, 'abort');
  } finally {
    await workbench.close();
  }
}
