/**
 * The files of a run as the hub gets them: its checkpoint without the optimiser, and a model card. What names folders of this machine is left out.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { crc32 } from 'node:zlib';
import { writeFileAtomic } from '../../dataset/atomic-file.ts';
import type { Defer } from '../../dataset/cleanup.ts';
import { corpusFacts } from '../../dataset/ledger/corpus-facts.ts';
import { openLedgerToRead } from '../../dataset/ledger/readable.ts';
import { temporaryFolder } from '../../dataset/temporary-folder.ts';
import { type HubAddress, hubScheme } from '../../model/formats/hub.ts';
import {
  hubsName,
  imageMapName,
  rerankName,
  runFiles,
  trainingName,
  weightsName,
} from '../../model/train/checkpoint.ts';
import { checksumsName } from '../../model/train/checksums.ts';
import { type DataIdentity, type MadeFrom, weightsSha256 } from '../../model/train/made-from.ts';
import { describeBest, openCheckpoint, trainedDir } from '../runs.ts';
import { type EvaluationResult, modelCard } from './model-card.ts';
import type { PushedFile } from './push-files.ts';

export interface RunToPush {
  readonly corpusDir: string;
  readonly run: string | undefined;
  readonly checkpoint: 'best' | 'last' | undefined;
  /** Hugging Face's word for the licence of the weights. */
  readonly license: string | undefined;
  readonly address: HubAddress;
  readonly defer: Defer;
}

/** Throws a UserError where there is no such run. */
export async function preparedRun({
  corpusDir,
  run = 'pretrain',
  checkpoint: which = 'best',
  license,
  address,
  defer,
}: RunToPush): Promise<{ readonly files: ReadonlyMap<string, PushedFile>; readonly title: string }> {
  const dir = await trainedDir(corpusDir, run);
  const checkpoint = openCheckpoint(dir, which);
  const { step, best } = checkpoint.state;
  const folder = temporaryFolder('push');
  defer(folder.remove);
  const made = folder.path;
  const names = ['config.json', ...runFiles.needed, ...runFiles.optional].filter((name) =>
    existsSync(join(checkpoint.dir, name)),
  );
  const files = new Map<string, PushedFile>(names.map((name) => [name, { path: join(checkpoint.dir, name) }]));
  const write = (name: string, text: string): void => {
    writeFileAtomic(join(made, name), text);
    files.set(name, { path: join(made, name) });
  };
  const training = `${JSON.stringify(withoutFolders(readJson(join(checkpoint.dir, trainingName))), null, 2)}\n`;
  write(trainingName, training);
  if (files.has(checksumsName))
    write(checksumsName, checksumsOf(join(checkpoint.dir, checksumsName), [...files.keys()], training));
  const weights = weightsSha256(join(checkpoint.dir, weightsName));
  // A run of the hub has names of corpora, not their folders.
  const isOwn = (folder: string) => !run.startsWith(hubScheme) && resolve(folder) === resolve(corpusDir);
  const folders = [...new Set(learnedFrom(checkpoint.state).map((one) => one.corpus))];
  const corpus = folders.some(isOwn) ? await corpusOf(corpusDir) : null;
  const unknown = folders.filter((folder) => corpus === null || !isOwn(folder));
  const state = withoutFolders(checkpoint.state);
  const fitted = { [imageMapName]: 'how much a map of whole images counts', [hubsName]: 'how much is taken off for hubs', [rerankName]: 'how much matching counts beside contrast' }; // biome-ignore format: one line
  const card = modelCard({
    name: address.name,
    license,
    checkpoint: { ...checkpoint, madeFrom: state.madeFrom, state },
    chosenBy: best?.step === step ? describeBest(best) : null,
    fitted: Object.entries(fitted).flatMap(([name, what]) => (files.has(name) ? [what] : [])),
    weights,
    evaluations: evaluationsOf(join(dir, 'evaluation'), weights),
    corpus,
    unknown: [...new Set(unknown.map(lastName))],
  });
  write('README.md', card);
  return { files, title: `${run}: step ${step}` };
}

/** What the corpus knows of the pairs; null where there is no ledger, as of an import. */
async function corpusOf(corpusDir: string) {
  if (!existsSync(join(corpusDir, 'ledger.db'))) return null;
  const { ledger, close } = await openLedgerToRead(corpusDir);
  try {
    return corpusFacts(ledger);
  } finally {
    close();
  }
}

interface Training {
  readonly madeFrom?: MadeFrom;
  readonly before?: readonly { readonly untilStep: number; readonly madeFrom: MadeFrom }[];
}

/** Of all its steps. */
const learnedFrom = ({ madeFrom, before = [] }: Training): readonly DataIdentity[] =>
  [...before.map((one) => one.madeFrom), ...(madeFrom ? [madeFrom] : [])].flatMap(({ data }) => data);

const lastName = (folder: string): string => basename(resolve(folder));

/** Corpora by their names alone. */
function withoutFolders<T extends Training>(training: T): T {
  const named = (madeFrom: MadeFrom): MadeFrom => ({
    ...madeFrom,
    data: madeFrom.data.map((one) => ({ ...one, corpus: lastName(one.corpus) })),
  });
  return {
    ...training,
    ...(training.madeFrom && { madeFrom: named(training.madeFrom) }),
    ...(training.before && { before: training.before.map((one) => ({ ...one, madeFrom: named(one.madeFrom) })) }),
  };
}

/** The checkpoint's sums of the files that are pushed. */
function checksumsOf(path: string, names: readonly string[], training: string): string {
  const bytes = Buffer.from(training);
  const own = { bytes: bytes.length, crc32: crc32(bytes), sha256: createHash('sha256').update(bytes).digest('hex') };
  const all = Object.entries({ ...readJson<Record<string, unknown>>(path), [trainingName]: own });
  return `${JSON.stringify(Object.fromEntries(all.filter(([name]) => names.includes(name))), null, 2)}\n`;
}

/** What `lait evaluate` has measured of these weights. */
function evaluationsOf(folder: string, weights: string): EvaluationResult[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => readJson<EvaluationResult>(join(folder, name)))
    .filter((one) => one.weights === weights);
}

const readJson = <T = Training>(path: string): T => JSON.parse(readFileSync(path, 'utf8')) as T;
