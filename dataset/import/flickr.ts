/**
 * Flickr8k and Flickr30k: a token file with lines `1000092795.jpg#0<TAB>caption` and a folder of image files; the official
 * splits are lists of file names, `Flickr_8k.trainImages.txt` and so on.
 */
import { readFileSync } from 'node:fs';
import { UserError } from '../user-error.ts';
import { readImage } from './coco.ts';
import type { ImportedSample, ImportedSplits } from './imported.ts';

/** `splitFiles` by split; images in none of them are skipped. Without it everything is `train`. */
export function readFlickr(options: {
  tokens: string;
  images: string;
  splitFiles?: Readonly<Record<string, string>>;
}): ImportedSplits {
  const texts = new Map<string, string[]>();
  const lines = readFileSync(options.tokens, 'utf8').split('\n');
  for (const [i, line] of lines.entries()) {
    if (line.trim() === '') continue;
    const [, name, caption] = /^([^\t#]+)#\d+\t(.*)$/.exec(line.replace(/\r$/, '')) ?? [];
    if (name === undefined || caption === undefined) {
      throw new UserError(
        `Expected lines NAME#NUMBER<TAB>CAPTION for ${options.tokens} but received ${JSON.stringify(line.slice(0, 60))} ` +
          `in line ${i + 1}; name the token file.`,
      );
    }
    const known = texts.get(name);
    if (known === undefined) texts.set(name, [caption]);
    else known.push(caption);
  }
  function* samples(names: Iterable<string>): Generator<ImportedSample> {
    for (const name of names) {
      yield { name, url: '', image: readImage(options.images, name), texts: texts.get(name) ?? [] };
    }
  }
  if (options.splitFiles === undefined) return new Map([['train', samples(texts.keys())]]);
  return new Map(
    Object.entries(options.splitFiles).map(([split, list]) => {
      const names = readFileSync(list, 'utf8')
        .split(/\r?\n/)
        .map((name) => name.trim());
      return [split, samples(names.filter((name) => name !== ''))];
    }),
  );
}
