/**
 * COCO captions: `captions_val2017.json` with `images` and `annotations`, and a folder of image files. Also the split files
 * of Karpathy & Fei-Fei (2015) for COCO, Flickr8k and Flickr30k, which retrieval results are reported on: `images` with
 * `sentences` and a `split`, where `restval` is trained on.
 */
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { isSafeName } from '../shards/tar.ts';
import { expected, UserError } from '../user-error.ts';
import type { ImportedSample, ImportedSamples } from './imported-sample.ts';
import { parseJson } from './lenient-json.ts';
import { readRecord, type SourceRecord, textsOf } from './record.ts';
import { splitOfPath } from './splits.ts';

const identifier = z.union([z.number(), z.string()]);

// What is wrong with one image is a reason, not the end: of a record only its being one is asked here.
const record = z.record(z.string(), z.unknown());

const cocoFile = z.object({
  images: z.array(record),
  annotations: z.array(record),
  licenses: z.array(record).nullish(),
});

const karpathyFile = z.object({
  images: z.array(record).refine((images) => images.some(({ sentences }) => Array.isArray(sentences))),
});

/** The file's JSON; throws a UserError when it is none. */
export function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8').replace(/^\ufeff/, ''));
  } catch (error) {
    const parsed = error instanceof SyntaxError ? parseJson(readFileSync(path)) : null;
    if (parsed !== null && 'value' in parsed) return parsed.value;
    throw expected('JSON', path, (error as Error).message, 'name the captions file');
  }
}

/** `split` overrides the one that COCO's file name gives, or Karpathy's file has. */
export function readCoco(options: { captions: string; images: string; split?: string }): ImportedSamples {
  const { captions, images, split } = options;
  const json = readJson(captions);
  const karpathy = karpathyFile.safeParse(json);
  if (karpathy.success) return karpathySamples(karpathy.data.images, images, split);
  const coco = cocoFile.safeParse(json);
  if (!coco.success) {
    const { path, message } = coco.error.issues[0]!;
    throw new UserError(
      `Expected COCO captions (images, annotations) or a Karpathy split (images with sentences) for ${captions} but ` +
        `received ${path.join('.') || 'another form'}: ${message}; name the captions file.`,
    );
  }
  return cocoSamples(coco.data, images, split ?? splitOfPath(basename(captions)));
}

function* cocoSamples(file: z.infer<typeof cocoFile>, folder: string, split: string): Generator<ImportedSample> {
  // An id is a number in one list and its digits in the other, in some sets.
  const idOf = (value: unknown): string | null => (identifier.safeParse(value).success ? String(value) : null);
  const texts = new Map<string, string[]>();
  for (const { image_id, caption } of file.annotations) {
    const id = idOf(image_id);
    if (id === null) continue;
    const known = texts.get(id);
    if (known === undefined) texts.set(id, textsOf(caption));
    else known.push(...textsOf(caption));
  }
  const licenses = new Map((file.licenses ?? []).map((one) => [idOf(one.id), one.url]));
  for (const image of file.images) {
    const id = idOf(image.id);
    const { file_name, license, id: _, ...about } = image;
    const read = readRecord(about);
    const licenseUrl = licenses.get(idOf(license));
    const own = id === null ? [] : (texts.get(id) ?? []);
    // An id names one image: a list that repeats it would give all its captions to each.
    if (id !== null) texts.delete(id);
    const { license_url = typeof licenseUrl === 'string' && licenseUrl !== '' ? licenseUrl : null } = read.known;
    yield {
      ...read,
      name: typeof file_name === 'string' ? file_name : String(id),
      split,
      image: typeof file_name === 'string' ? readImage(folder, file_name) : null,
      texts: own,
      known: { ...read.known, license_url },
      extra: { ...read.extra, ...(id === null ? {} : { image_id: id }) },
    };
  }
}

function* karpathySamples(images: readonly SourceRecord[], folder: string, given?: string): Generator<ImportedSample> {
  for (const image of images) {
    const { filename, filepath, sentences, sentids: _, split, ...about } = image;
    const read = readRecord(about);
    const name = typeof filename === 'string' ? filename : '';
    const below = typeof filepath === 'string' ? readImage(folder, `${filepath}/${name}`) : null;
    yield {
      ...read,
      name,
      split: given ?? (typeof split === 'string' ? split : ''),
      image: below ?? readImage(folder, name),
      texts: textsOf(sentences),
    };
  }
}

/** A file below the folder; null when it is not there, or when its name leads elsewhere. */
export function readImage(folder: string, name: string): Buffer | null {
  if (name === '' || !isSafeName(name)) return null;
  const path = join(folder, name);
  if (existsSync(path)) {
    try {
      return readFileSync(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EISDIR') return null;
      throw error;
    }
  }
  // Some sets write `train2014/COCO_….jpg` and are unpacked without the folder.
  return name.includes('/') ? readImage(folder, basename(name)) : null;
}
