/** `lait verify`: the corpus' own files, then every file of its export against the manifest, repaired from what is whole if asked. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { printable } from '../dataset/escape.ts';
import { verify as check } from '../dataset/export/verify.ts';
import { manifestName } from '../dataset/shards/manifest.ts';
import type { VerifyFlags } from './call-flags.ts';
import type { CorpusContext, Nothing } from './command.ts';
import { startProgress } from './progress.ts';
import { count, megabytes } from './table.ts';
import { verifyCorpus } from './verify-corpus.ts';

export async function verify({ corpusDir, flags, signal }: CorpusContext<VerifyFlags>): Promise<void> {
  const { repair, ...others } = flags;
  others satisfies Nothing;
  const { faults: damages, repairs } = await verifyCorpus(corpusDir, { repair });
  for (const line of damages) console.log(printable(line));
  for (const line of repairs) console.log(printable(`repaired: ${line}`));
  if (damages.length > 0 && !repair) process.exitCode = 2;
  if (damages.length > 0 && !existsSync(join(corpusDir, 'shards', manifestName))) return;
  const progress = startProgress('Verifying files');
  try {
    const { files, bytes, faults, version, unfinished } = await check(
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
    if (unfinished !== null) console.log(unfinishedWords[unfinished]);
    const name = version === null ? '' : `version ${version.version}, SHA-256 ${version.sha256.slice(0, 16)}: `;
    console.log(
      `${name}${count(files)} files, ${megabytes(bytes)}: ${left === 0 ? 'all as the manifest says' : `${left} faults`}`,
    );
    if (left > 0) process.exitCode = 2;
  } finally {
    progress.stop();
  }
}

const unfinishedWords = {
  writing: 'Another version is being written, or its export was killed: it takes nothing from this one.',
  'half-taken': 'An export was killed while its files were taken over: run it again, or lait verify --repair.',
};
