/** The stages of `lait pretrain` as its settings or a file of their own name them: one without a name where there are none. */
import { dirname, resolve } from 'node:path';
import { isS3 } from '../dataset/blobs/place.ts';
import { expected, UserError } from '../dataset/user-error.ts';
import { checkObjectives, type ObjectiveWeights } from '../model/net/objective.ts';
import type { ColumnsManifest } from '../model/regions/columns.ts';
import { learningRates } from '../model/train/defaults.ts';
import type { Nothing } from './command.ts';
import type { Config } from './config.ts';
import { readStages } from './config-file.ts';
import { type DataPlace, dataPlace } from './data-place.ts';
import { type CorpusShare, featuresOf } from './training-examples.ts';

export interface PlannedStage {
  /** Absent where pretraining has no stages. */
  readonly name?: string;
  readonly corpora: readonly CorpusShare[];
  readonly steps: number;
  readonly batchSize: number;
  readonly accumulate: number;
  readonly learningRate: number;
  readonly objectives: ObjectiveWeights;
  readonly hardNegatives: boolean;
  readonly cleanMatching: boolean;
}

/**
 * Throws a UserError for a stage that would learn nothing. `file` goes before the stages of `lait.yaml`. Folders of corpora are read
 * from where the list stands. `shards` stand for those of the corpus itself.
 */
export function plannedStages(
  corpusDir: string,
  settings: Config['pretrain'],
  { file, shards }: { readonly file?: string | undefined; readonly shards?: string | undefined } = {},
): PlannedStage[] {
  const { stages: listed, ...base } = settings;
  const stages = file === undefined ? listed : readStages(file);
  const from = file === undefined ? corpusDir : dirname(file);
  const itself = { ...dataPlace(corpusDir, shards), share: 1 };
  if (!stages) return [{ ...planOf(base), corpora: [itself] }];
  if (shards !== undefined && stages.every(({ corpora = [] }) => corpora.length > 0)) {
    throw new UserError('--shards has no effect where every stage names its corpora; leave it out, or change that.');
  }
  return stages.map(({ name, corpora = [], ...own }) => ({
    name,
    ...planOf({ ...base, ...given(own) }),
    corpora:
      corpora.length === 0
        ? [itself]
        : corpora.map(({ dir, share }) => ({ ...dataPlace(isS3(dir) ? dir : resolve(from, dir)), share })),
  }));
}

type Base = Omit<Config['pretrain'], 'stages'>;

/** The settings that a stage may have of its own. */
export type StageSettings = Pick<
  Base,
  | 'steps'
  | 'batchSize'
  | 'accumulate'
  | 'learningRate'
  | 'preset'
  | 'hardNegatives'
  | 'cleanMatching'
  | keyof ObjectiveWeights
>;

/** Without the keys that a stage leaves out. */
const given = (own: Readonly<Record<string, unknown>>): Partial<Base> =>
  Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));

function planOf(settings: StageSettings) {
  const {
    mlm,
    moc,
    mrfr,
    itm,
    itc,
    steps,
    batchSize,
    accumulate,
    learningRate,
    preset,
    hardNegatives,
    cleanMatching,
    ...others
  } = settings;
  others satisfies Nothing;
  const weights = { mlm, moc, mrfr, itm, itc };
  checkObjectives(weights, { hardNegatives });
  return {
    ...{ steps, batchSize, accumulate, hardNegatives },
    learningRate: learningRate ?? learningRates[preset],
    cleanMatching: cleanMatching ?? itc > 0,
    objectives: weights,
  };
}

/** The corpora of all stages. */
export const corporaOf = (stages: readonly PlannedStage[]): DataPlace[] => [
  ...new Map(stages.flatMap(({ corpora }) => corpora.map((one) => [one.shards, one] as const))).values(),
];

/** What the features of all stages are. Throws a UserError where shards or features are missing or a corpus has others. */
export async function sameFeatures(stages: readonly PlannedStage[], config: Config): Promise<ColumnsManifest> {
  const all: { readonly dir: string; readonly columns: ColumnsManifest }[] = [];
  for (const place of corporaOf(stages)) all.push({ dir: place.dir, columns: await featuresOf(place, config) });
  const [first, ...others] = all;
  const { dir, columns } = first as NonNullable<typeof first>;
  for (const other of others) {
    const differ = (what: string, wanted: unknown, received: unknown): void => {
      if (String(wanted) === String(received)) return;
      const advice = 'run `lait regions` with one detector over all corpora of the run';
      throw expected(`${wanted} as in ${dir}`, `${what} of ${other.dir}`, String(received), advice);
    };
    differ('the detector', columns.name, other.columns.name);
    differ('the weights of the detector', columns.model, other.columns.model);
    differ('the settings of the detector', JSON.stringify(columns.settings), JSON.stringify(other.columns.settings));
    differ('the feature width', columns.featureSize, other.columns.featureSize);
    differ('the classes', columns.labels, other.columns.labels);
  }
  return columns;
}
