/** `lait verify`: the corpus' own files, then every file of its export against the manifest, repaired from what is whole if asked. */
import { existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { isOwnShards } from '../dataset/corpus-lock.ts';
import { printable, printablePath } from '../dataset/escape.ts';
import { verify as check } from '../dataset/export/verify.ts';
import { type ExportRecord, exportRecords } from '../dataset/ledger/exports.ts';
import type { Ledger } from '../dataset/ledger/ledger.ts';
import { manifestName } from '../dataset/shards/manifest.ts';
import { expected } from '../dataset/user-error.ts';
import type { VerifyFlags } from './call-flags.ts';
import { type CorpusContext, type Nothing, sayWaiting } from './command.ts';
import { startProgress } from './progress.ts';
import { count, megabytes } from './table.ts';
import { verifyCorpus } from './verify-corpus.ts';

export async function verify({ corpusDir, flags, signal, print }: CorpusContext<VerifyFlags>): Promise<void> {
  const { repair, out: shardsDir = join(corpusDir, 'shards'), ...others } = flags;
  others satisfies Nothing;
  if (shardsDir === '') throw expected('a folder', 'out', '""', 'name one with an export');
  let exports = null as readonly ExportRecord[] | null;
  const onLedger = (ledger: Ledger): void => {
    exports = exportRecords(ledger, corpusDir);
  };
  const checked = await verifyCorpus(corpusDir, { repair, onLedger, signal, onWait: sayWaiting });
  const { faults: damages, repairs } = checked;
  const databases = [...damages, ...repairs.map((line) => `repaired: ${line}`)].map(printable);
  if (damages.length > 0 && !repair) process.exitCode = 2;
  const isOwn = ({ folder }: { readonly folder: string }) => isOwnShards(realpathSync(corpusDir), folder);
  const elsewhere =
    flags.out === undefined ? (exports ?? []).filter((one) => !isOwn(one) && existsSync(one.folder)) : [];
  const unchecked = elsewhere.map(
    ({ folder }) => `not checked: ${printablePath(folder)}, \`lait verify --out\` does that`,
  );
  if (flags.out === undefined && !existsSync(join(shardsDir, manifestName))) {
    const isUnexported = exports !== null && !exports.some((one) => one.version > 0 && isOwn(one));
    if (damages.length > 0 || isUnexported) {
      const whole = damages.length > 0 ? [] : ['ledger.db, frontier.db and raw images are whole'];
      const none = isUnexported ? [`no export in ${printablePath(shardsDir)} yet`] : [];
      print({ damages, repairs }, () => [...databases, ...whole, ...none, ...unchecked].join('\n'));
      return;
    }
  }
  const progress = startProgress('Verifying files');
  try {
    const result = await check(
      { corpusDir, shardsDir, repair },
      { signal, onWait: sayWaiting, onProgress: ({ files: done, of }) => progress.update({ done, total: of }) },
    );
    progress.stop();
    const { files, bytes, faults, version, isUnfinished, isSettled } = result;
    const left = faults.filter(({ repaired }) => !repaired).length;
    const name = version === null ? '' : `version ${version.version}, SHA-256 ${version.sha256.slice(0, 16)}: `;
    print({ damages, repairs, ...result }, () =>
      [
        ...databases,
        ...unchecked,
        ...faults.map(
          ({ path, reason, repaired, because }) =>
            `${printablePath(path)}: ${reason}${repaired ? ', repaired' : ''}${because ? `, not repaired: ${because}` : ''}`,
        ),
        ...(isSettled ? ['This version was whole when its writer was killed: its files were taken over now.'] : []),
        ...(isUnfinished
          ? ['Another version is being written, or its writer was killed: it takes nothing from this one.']
          : []),
        `${name}${count(files)} files, ${megabytes(bytes)}: ${left === 0 ? 'all as the manifest says' : `${left} faults`}`,
      ].join('\n'),
    );
    if (left > 0) process.exitCode = 2;
  } finally {
    progress.stop();
  }
}
