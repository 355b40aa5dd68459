/**
 * Runs that learned from what a takedown removes. Their checkpoints stay as they are: weights are not unlearned, `hubs.safetensors` keeps embeddings
 * of training pairs and `image-map.safetensors` features of training pictures. Whoever takes down is told of them.
 */
import { readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { foldersIn, runNames } from '../run-names.ts';

/** What a checkpoint's `training.json` says of its data, as far as it is read here. */
interface Training {
  readonly madeFrom?: { readonly data?: readonly Data[] };
  readonly before?: readonly { readonly madeFrom?: { readonly data?: readonly Data[] } }[];
}
interface Data {
  readonly corpus: string;
  readonly split: string;
  readonly shards: Readonly<Record<string, string>>;
}

/**
 * Runs and stages of a corpus, `pretrain` or `staged/close`, with a checkpoint that learned from one of these shards: `train/00000`, of an export
 * elsewhere with its folder. What a growing export takes into a shard stays there or goes, so that a run with the shard has most likely seen
 * what is in it. A checkpoint names its data by the folder that holds the shards' folder, of which the last name is compared: all may have moved.
 */
export function runsThatLearned(corpusDir: string, shards: Iterable<string>): string[] {
  const nameOf = (holder: string, shard: string): string => `${basename(resolve(holder))}/${shard}`;
  const wanted = new Set(
    [...shards].map((shard) => {
      const path = resolve(corpusDir, 'shards', shard);
      const folder = dirname(dirname(path));
      return nameOf(dirname(folder), relative(folder, path));
    }),
  );
  const runs = join(corpusDir, 'runs');
  if (wanted.size === 0) return [];
  const hasLearned = (run: string): boolean => {
    const checkpoints = join(runs, run, 'checkpoints');
    return foldersIn(checkpoints).some((step) =>
      dataOf(join(checkpoints, step, 'training.json')).some(
        ({ corpus, split, shards: learned }) =>
          split === 'train' &&
          Object.keys(learned).some((path) => wanted.has(nameOf(corpus, `${split}/${path.replace(/\.\w+$/, '')}`))),
      ),
    );
  };
  return runNames(corpusDir).filter(hasLearned).sort();
}

/** All data that a checkpoint has learned from; none where it does not say it. */
function dataOf(path: string): readonly Data[] {
  try {
    const { madeFrom, before = [] } = JSON.parse(readFileSync(path, 'utf8')) as Training;
    return [madeFrom, ...before.map((one) => one.madeFrom)].flatMap((one) => one?.data ?? []);
  } catch {
    // A checkpoint that cannot be read is no reason to take nothing down.
    return [];
  }
}
