/** Which split a file, a folder or a word of the source means. Keywords and what may stand around them are those of HF `datasets`. */
import { expected } from '../user-error.ts';

const keywords: Readonly<Record<string, string>> = {
  train: 'train',
  training: 'train',
  restval: 'train', // Karpathy & Fei-Fei (2015): what COCO's validation has left over is trained on
  val: 'validation',
  valid: 'validation',
  validation: 'validation',
  dev: 'validation',
  test: 'test',
  testing: 'test',
  eval: 'test',
  evaluation: 'test',
};

/** More splits than this are no splits. */
export const maxSplits = 32;

const splitOfWord = (word: string): string | undefined => (Object.hasOwn(keywords, word) ? keywords[word] : undefined);

/** The split that is named in a file's name as a word of its own (`val2017`, not `interval`); null when none is. */
export function splitInName(name: string): string | null {
  for (const word of name.toLowerCase().split(/[-._ 0-9]+/)) {
    const split = splitOfWord(word);
    if (split !== undefined) return split;
  }
  return null;
}

/** The split of a path: its file's name, else the name of its folder where that says nothing else; `train` when neither does. */
export function splitOfPath(path: string): string {
  const parts = path.split('/');
  return splitInName(parts.at(-1)!) ?? wholeName(parts.at(-2) ?? '') ?? 'train';
}

const wholeName = (name: string): string | undefined => splitOfWord(name.toLowerCase().replace(/[-._ 0-9]+$/, ''));

/** A split as a set's own column names it, as a name for a folder: letters, digits and `_`. Null for what can be none. */
export function splitOfColumn(value: string): string | null {
  const name = value.trim().toLowerCase().replaceAll('-', '_');
  const known = wholeName(name);
  if (known !== undefined) return known;
  return /^[a-z][a-z0-9_]{0,63}$/.test(name) ? name : null;
}

/** Throws a UserError for a split that is no plain name: it becomes a folder, and must not lead out of the set. */
export function checkSplitName(split: string): void {
  if (/^\w[\w-]*$/.test(split)) return;
  throw expected('a name of letters, digits and dashes', 'split', split, 'write it as in validation');
}
