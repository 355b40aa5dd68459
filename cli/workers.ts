/** `lait workers`: who crawls a shared corpus, and what waits. */
import {
  type JudgeState,
  maxCounted,
  type Overview,
  overviewOf,
  type WorkerState,
} from '../crawler/shared/overview.ts';
import { printable } from '../dataset/escape.ts';
import type { CorpusContext } from './command.ts';
import { readConfig } from './config-file.ts';
import { storeOf } from './store.ts';
import { count, megabytes, table } from './table.ts';

export async function workers({ corpusDir, print }: CorpusContext): Promise<void> {
  const overview = await overviewOf(storeOf(readConfig(corpusDir), corpusDir));
  print(overview, () => textOf(overview));
}

/** No transaction of ours is open for so long. */
const longSeconds = 60;

/** Rows that are dead, with what keeps them. */
export function deadRowsIn({ deadRows, snapshotSeconds }: Pick<Overview, 'deadRows' | 'snapshotSeconds'>): string {
  if (snapshotSeconds === null || snapshotSeconds < longSeconds) return count(deadRows);
  return `${count(deadRows)}, and more: a transaction that has been open for ${count(Math.round(snapshotSeconds))} s keeps them, and slows the queue down; end it (pg_stat_activity has it)`;
}

function textOf({ place, leaseSeconds, workers: all, judges, hosts, queued, known, jobs, ...dead }: Overview): string {
  const heading = ['worker', 'machine', 'process', 'hosts', 'pages', 'images', 'bytes', 'pages/s', 'last beat'];
  const row = (one: WorkerState): string[] => [
    one.id,
    printable(one.machine),
    String(one.pid),
    count(one.hosts),
    count(one.pages),
    count(one.images),
    megabytes(one.bytes),
    (one.pages / Math.max(1, one.ageSeconds)).toFixed(1),
    one.isAlive ? `${Math.round(one.silentSeconds)} s ago` : 'ended',
  ];
  const judging = ['judge', 'machine', 'process', 'batches', 'pairs', 'last beat'];
  const rowOf = (one: JudgeState): string[] => [
    one.id,
    printable(one.machine),
    String(one.pid),
    count(one.batches),
    count(one.pairs),
    `${Math.round(one.silentSeconds)} s ago`,
  ];
  const states = `${count(hosts.ready)} ready, ${count(hosts.resting)} resting, ${count(hosts.held)} held`;
  const rows = [
    ['hosts', `${count(hosts.known)}: ${states}`],
    ['URLs', `${count(queued)}${queued === maxCounted ? ' or more' : ''} queued, about ${count(known)} known`],
    ...jobs.map(({ kind, waiting, held, done }) => [
      `jobs: ${kind}`,
      `${count(waiting)} waiting, ${count(held)} in hand, ${count(done)} done and not taken over`,
    ]),
    ['dead rows', deadRowsIn(dead)],
    ['lease', `${leaseSeconds} s: a worker that is silent for longer loses its hosts to the others`],
  ];
  return [
    printable(place),
    all.length === 0 ? 'no worker yet' : table([heading, ...all.map(row)], [1]),
    ...(judges.length === 0 ? [] : [table([judging, ...judges.map(rowOf)], [1])]),
    table(rows, [0, 1]),
  ].join('\n');
}
