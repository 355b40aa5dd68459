/**
 * What came of the relevance step, told by the demonstration site, which alone knows which texts are right: at the end of the demo, of
 * wrong and of right texts how many were dropped, and how both runs find held-out pictures whose texts are right.
 */
import { join } from 'node:path';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { currentRecipe, scoreNameOf } from '../../dataset/ledger/recipes.ts';
import { readShards } from '../../dataset/shards/reader.ts';
import { readExamples } from '../../model/data/example.ts';
import { tokenizerOfModel } from '../../model/data/tokenizer.ts';
import { areaUnderCurve } from '../../model/ranking/area-under-curve.ts';
import type { Recalls } from '../../model/ranking/recall.ts';
import { evaluateRetrieval, type RetrievalResult } from '../../model/retrieval/evaluate.ts';
import { bestCheckpoint, readCheckpoint } from '../../model/train/checkpoint.ts';
import { linearMapInputs } from '../linear-map.ts';
import { count, percent, table } from '../table.ts';
import type { SiteTruth } from './site.ts';

/** Where a run and the shards that it learned from lie. */
export interface DemoRun {
  readonly name: string;
  readonly dir: string;
  readonly shards: string;
}

export interface OutcomeOptions {
  readonly corpusDir: string;
  readonly regions: string;
  readonly truth: SiteTruth;
  /** The rule that dropped what does not fit. */
  readonly rule: string;
  /** The run before and the run after; the held-out pairs are those of the first one's shards. */
  readonly runs: readonly DemoRun[];
  readonly signal: AbortSignal;
}

/** Rows of text, the first of which is the heading. */
export interface OutcomeTable {
  readonly title: string;
  readonly rows: readonly (readonly string[])[];
}

/** For people: each table under its title. */
export const outcomeText = (tables: readonly OutcomeTable[]): string =>
  tables.map(({ title, rows }) => `${title}\n${table(rows)}`).join('\n\n');

export const outcome = async (options: OutcomeOptions): Promise<OutcomeTable[]> => [
  whatWasDropped(options),
  await howRunsRetrieve(options),
];

interface ScoredText {
  readonly text: string;
  readonly imageUrl: string;
  readonly droppedBy: string | null;
  readonly score: number;
}

function whatWasDropped({ corpusDir, truth, rule }: OutcomeOptions): OutcomeTable {
  const ledger = Ledger.openExisting(corpusDir);
  let scored: (ScoredText & { kind: NonNullable<ReturnType<SiteTruth>> })[];
  try {
    const relevance = currentRecipe(ledger)?.rules.find(({ name }) => name === 'match/relevance');
    const all = ledger.db
      .prepare(
        `SELECT p.text, i.url AS imageUrl, p.dropped_by AS droppedBy, r.score
         FROM scores r JOIN pairs p ON p.id = r.subject JOIN images i ON i.id = p.image_id WHERE r.rule = ?`,
      )
      .all(relevance ? scoreNameOf(relevance) : '') as ScoredText[];
    scored = all.flatMap((one) => {
      const kind = truth(one.imageUrl, one.text);
      return kind ? [{ ...one, kind }] : [];
    });
  } finally {
    ledger.close();
  }
  const dropped = (some: readonly ScoredText[]): string[] => {
    const gone = some.filter(({ droppedBy }) => droppedBy === rule).length;
    return [count(some.length), count(gone), some.length === 0 ? '' : percent(gone / some.length)];
  };
  const kinds = ['swapped', 'misleading', 'generic'] as const;
  const isRight = ({ kind }: (typeof scored)[number]) => kind === 'right';
  const area = areaUnderCurve(
    scored.map(({ score }) => score),
    scored.map(isRight),
  );
  return {
    title: `Texts that relevance saw, and what ${rule} dropped of them. It tells right from wrong with an area under the curve of ${area.toFixed(2)} (chance 0.50)`,
    rows: [
      ['text at a picture', 'texts', 'dropped', 'share'],
      ...kinds.map((kind) => [kind, ...dropped(scored.filter((one) => one.kind === kind))]),
      ['right', ...dropped(scored.filter(isRight))],
      ['any, by chance', ...dropped(scored)],
    ],
  };
}

async function howRunsRetrieve({ regions, truth, runs, signal }: OutcomeOptions): Promise<OutcomeTable> {
  const heldOut = join(runs[0]!.shards, 'validation');
  const right = new Set<string>();
  for await (const { key, fields } of readShards({ paths: heldOut, signal })) {
    const { url = '', caption = '' } = JSON.parse(fields.json?.toString('utf8') ?? '{}') as Record<string, string>;
    if (truth(url, caption) === 'right') right.add(key);
  }
  const rows: string[][] = [];
  let last: RetrievalResult | undefined;
  for (const { name, dir, shards } of runs) {
    const checkpoint = readCheckpoint(bestCheckpoint(dir)?.checkpoint ?? dir);
    const { maxPieces, maxRegions } = checkpoint.config;
    const reading = { regions, tokenizer: tokenizerOfModel(checkpoint), maxPieces, maxRegions, signal };
    const examples = [];
    for await (const one of readExamples({ shards: heldOut, ...reading })) if (right.has(one.key)) examples.push(one);
    const linearMap = await linearMapInputs(join(shards, 'train'), 'words', reading);
    last = await evaluateRetrieval({
      checkpoint: checkpoint.dir,
      examples,
      method: 'itc',
      ...(linearMap && { linearMap }),
    });
    const images = `${name}, ${count(linearMap?.training.length ?? 0)} pictures`;
    rows.push([images, ...shown(last.imageRetrieval, last.textRetrieval)]);
    if (last.linearMap) {
      const { imageRetrieval, textRetrieval, withoutHubs } = last.linearMap;
      rows.push(['  linear map to words', ...shown(imageRetrieval, textRetrieval)]);
      rows.push(['  linear map without hubs', ...shown(withoutHubs.imageRetrieval, withoutHubs.textRetrieval)]);
    }
  }
  const { chance, images } = last!;
  return {
    title: `${count(images)} held-out pictures whose texts are right, found by contrast after training on; each run's checkpoint is its best by these and others that it held out, and how much is taken off for hubs is fitted on each half of these for the other`,
    rows: [
      ['', 'image for a text, R@1', 'R@5', 'R@10', 'text for an image, R@1', 'R@5', 'R@10'],
      ...rows,
      ['chance', ...shown(chance.imageRetrieval, chance.textRetrieval)],
    ],
  };
}

const shown = (...both: readonly Recalls[]): string[] => both.flatMap(({ r1, r5, r10 }) => [r1, r5, r10].map(percent));
