/**
 * Flickr8k and Flickr30k: a folder of image files, and their captions in one of the forms they go around in. The official token file has
 * lines `1000092795.jpg#0<TAB>caption`; Kaggle's have a header: `results.csv` (`image_name| comment_number| comment`) and
 * `captions.txt` (`image,caption`, quoted as CSV). A `split` column is followed. The official splits of Flickr8k are lists of
 * file names, `Flickr_8k.trainImages.txt` and so on.
 */
import { readFileSync, statSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import { expected, UserError } from '../user-error.ts';
import { readImage } from './coco.ts';
import type { ImportedSample, ImportedSamples } from './imported-sample.ts';
import { textsOf } from './record.ts';

interface Captions {
  readonly texts: Map<string, string[]>;
  readonly splits: Map<string, string>;
  /** Lines that are none of that form. */
  readonly badLines: number;
}

/** `splitFiles` by split; images in none of them are skipped. Without it a `split` column says, else everything is `split` or `train`. */
export function readFlickr(options: {
  tokens: string;
  images: string;
  split?: string;
  splitFiles?: Readonly<Record<string, string>>;
}): ImportedSamples {
  const { tokens, images, split, splitFiles } = options;
  return flickrSamples(readCaptions(tokens), images, split, splitFiles);
}

function* flickrSamples(
  { texts, splits, badLines }: Captions,
  folder: string,
  split: string | undefined,
  splitFiles: Readonly<Record<string, string>> | undefined,
): Generator<ImportedSample> {
  const sample = (name: string, of: string): ImportedSample => ({
    name,
    split: of,
    url: '',
    image: readImage(folder, name),
    texts: texts.get(name) ?? [],
  });
  if (splitFiles === undefined) {
    for (const name of texts.keys()) yield sample(name, split ?? splits.get(name) ?? 'train');
  } else {
    for (const [of, list] of Object.entries(splitFiles)) {
      for (const line of textOf(list).split('\n')) if (line.trim() !== '') yield sample(line.trim(), of);
    }
  }
  const fallback = split ?? Object.keys(splitFiles ?? {})[0] ?? 'train';
  for (let i = 0; i < badLines; i += 1) {
    yield { name: `line ${i}`, split: fallback, url: '', image: null, texts: [], fault: 'bad-line' };
  }
}

/** Without a byte order mark, and with one kind of line end. */
function textOf(path: string): string {
  if (statSync(path).isDirectory()) throw expected('a file', 'import', `the folder ${path}`, 'name the token file');
  return readFileSync(path, 'utf8')
    .replace(/^\ufeff/, '')
    .replace(/\r\n?/g, '\n');
}

function readCaptions(path: string): Captions {
  const text = textOf(path);
  const header = text.slice(0, text.indexOf('\n') < 0 ? undefined : text.indexOf('\n'));
  if (/^\s*(?:image_name|image)\s*\|/i.test(header)) return barCaptions(text);
  const names = header.split(',').map((name) => name.trim().replace(/^"|"$/g, '').toLowerCase());
  const isTable = names.some((name) => imageNames.includes(name)) && names.some((name) => captionNames.includes(name));
  return isTable ? csvCaptions(text, path) : tokenCaptions(text, path);
}

const imageNames = ['image', 'image_name', 'filename', 'file_name'];
const captionNames = ['caption', 'comment', 'raw', 'captions', 'text'];

function adder() {
  const texts = new Map<string, string[]>();
  const splits = new Map<string, string>();
  const add = (name: string, found: readonly string[], split?: string): void => {
    const known = texts.get(name);
    if (known === undefined) texts.set(name, [...found]);
    else known.push(...found);
    if (split !== undefined && split !== '') splits.set(name, split);
  };
  return { texts, splits, add };
}

function tokenCaptions(text: string, path: string): Captions {
  const { texts, splits, add } = adder();
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const [, name, caption] = /^([^\t#]+)#\d+\t(.*)$/.exec(line) ?? [];
    if (name === undefined || caption === undefined) {
      throw new UserError(
        `Expected lines NAME#NUMBER<TAB>CAPTION, or a header as Kaggle’s files have, for ${path} but received ` +
          `${JSON.stringify(line.slice(0, 60))} in line ${i + 1}; name the token file.`,
      );
    }
    add(name, [caption]);
  }
  return { texts, splits, badLines: 0 };
}

/** Kaggle's Flickr30k: one of its lines lacks the second bar. */
function barCaptions(text: string): Captions {
  const { texts, splits, add } = adder();
  let badLines = 0;
  for (const line of text.split('\n').slice(1)) {
    if (line.trim() === '') continue;
    const [, name, caption] = /^([^|]+)\|\s*\d+\s*\|?(.*)$/.exec(line) ?? [];
    if (name === undefined || caption === undefined) badLines += 1;
    else add(name.trim(), textsOf(caption));
  }
  return { texts, splits, badLines };
}

function csvRows(text: string, path: string): string[][] {
  try {
    return parse(text, { relax_quotes: true, relax_column_count: true, skip_empty_lines: true }) as string[][];
  } catch (error) {
    throw expected('a table that can be read', 'flickr', `${path} (${(error as Error).message})`, 'fetch it again');
  }
}

function csvCaptions(text: string, path: string): Captions {
  const { texts, splits, add } = adder();
  let badLines = 0;
  const rows = csvRows(text, path);
  const header = (rows[0] ?? []).map((name) => name.trim().toLowerCase());
  const at = (known: readonly string[]) => header.findIndex((name) => known.includes(name));
  const [image, caption, split] = [at(imageNames), at(captionNames), header.indexOf('split')];
  for (const row of rows.slice(1)) {
    const name = row[image]?.trim() ?? '';
    // A caption with a comma in it that nobody quoted goes on in the next cells.
    const isLast = caption === header.length - 1;
    const words = (isLast ? row.slice(caption).join(',') : row[caption])?.trim() ?? '';
    if (name === '' || words === '') badLines += 1;
    else add(name, textsOf(words), split < 0 ? undefined : row[split]?.trim());
  }
  return { texts, splits, badLines };
}
