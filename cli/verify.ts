/** `lait verify`: every file of an export against its manifest, repaired from the raw images if asked. */
import { join } from 'node:path';
import { printable } from '../dataset/escape.ts';
import { verify as check } from '../dataset/export/verify.ts';
import type { VerifyFlags } from './call-flags.ts';
import type { CorpusContext, Nothing } from './command.ts';
import { startProgress } from './progress.ts';
import { count, megabytes } from './table.ts';

export async function verify({ corpusDir, flags, signal }: CorpusContext<VerifyFlags>): Promise<void> {
  const { repair, ...others } = flags;
  others satisfies Nothing;
  const progress = startProgress('Verifying files');
  try {
    const { files, bytes, faults } = await check(
      { corpusDir, shardsDir: join(corpusDir, 'shards'), repair },
      { signal, onProgress: ({ files: done, of }) => progress.update({ done, total: of }) },
    );
    progress.stop();
    for (const { path, reason, repaired, because } of faults) {
      console.log(
        `${printable(path)}: ${reason}${repaired ? ', repaired' : ''}${because ? `, not repaired: ${because}` : ''}`,
      );
    }
    const left = faults.filter(({ repaired }) => !repaired).length;
    console.log(
      `${count(files)} files, ${megabytes(bytes)}: ${left === 0 ? 'all as the manifest says' : `${left} faults`}`,
    );
    if (left > 0) process.exitCode = 2;
  } finally {
    progress.stop();
  }
}
