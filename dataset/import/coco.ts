/**
 * COCO captions: `captions_val2017.json` with `images` and `annotations`, and a folder of image files. Also the split files
 * of Karpathy & Fei-Fei (2015) for COCO, Flickr8k and Flickr30k, which retrieval results are reported on: `images` with
 * `sentences` and a `split`, where `restval` is trained on.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { isSafeName } from '../shards/tar.ts';
import { expected, UserError } from '../user-error.ts';
import type { ImportedSample, ImportedSplits } from './imported.ts';

const cocoFile = z.object({
  images: z.array(
    z.object({
      id: z.number(),
      file_name: z.string(),
      coco_url: z.string().optional(),
      license: z.number().optional(),
    }),
  ),
  annotations: z.array(z.object({ image_id: z.number(), caption: z.string() })),
  licenses: z.array(z.object({ id: z.number(), url: z.string() })).optional(),
});

const karpathyFile = z.object({
  images: z.array(
    z.object({
      filename: z.string(),
      filepath: z.string().optional(),
      split: z.enum(['train', 'restval', 'val', 'test']),
      sentences: z.array(z.object({ raw: z.string() })),
    }),
  ),
});

/** The file's JSON; throws a UserError when it is none. */
export function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw expected('JSON', path, (error as Error).message, 'name the captions file');
  }
}

/** The split named in a file's name; `train` when there is none. */
export function splitOfName(name: string): string {
  if (/val|dev/i.test(name)) return 'validation';
  return /test/i.test(name) ? 'test' : 'train';
}

/** `split` overrides the one that COCO's file name gives; Karpathy's files have their own. */
export function readCoco(options: { captions: string; images: string; split?: string }): ImportedSplits {
  const { captions, images } = options;
  const json = readJson(captions);
  const karpathy = karpathyFile.safeParse(json);
  if (karpathy.success) return karpathySplits(karpathy.data, images);
  const coco = cocoFile.safeParse(json);
  if (!coco.success) {
    const { path, message } = coco.error.issues[0]!;
    throw new UserError(
      `Expected COCO captions (images, annotations) or a Karpathy split (images with sentences) for ${captions} but ` +
        `received ${path.join('.') || 'another form'}: ${message}; name the captions file.`,
    );
  }
  const split = options.split ?? splitOfName(captions.slice(captions.lastIndexOf('/') + 1));
  const texts = new Map<number, string[]>();
  for (const { image_id, caption } of coco.data.annotations) {
    const known = texts.get(image_id);
    if (known === undefined) texts.set(image_id, [caption]);
    else known.push(caption);
  }
  const licenses = new Map(coco.data.licenses?.map(({ id, url }) => [id, url]));
  function* samples(): Generator<ImportedSample> {
    for (const { id, file_name, coco_url, license } of coco.data!.images) {
      const licenseUrl = license === undefined ? undefined : licenses.get(license);
      yield {
        name: file_name,
        url: coco_url ?? '',
        image: readImage(images, file_name),
        texts: texts.get(id) ?? [],
        ...(licenseUrl === undefined ? {} : { licenseUrl }),
      };
    }
  }
  return new Map([[split, samples()]]);
}

function karpathySplits(file: z.infer<typeof karpathyFile>, folder: string): ImportedSplits {
  const splitOf = { train: 'train', restval: 'train', val: 'validation', test: 'test' } as const;
  function* samples(wanted: string): Generator<ImportedSample> {
    for (const { filename, filepath, split, sentences } of file.images) {
      if (splitOf[split] !== wanted) continue;
      const image = readImage(folder, filename) ?? (filepath ? readImage(folder, `${filepath}/${filename}`) : null);
      yield { name: filename, url: '', image, texts: sentences.map(({ raw }) => raw) };
    }
  }
  const used = new Set(file.images.map(({ split }) => splitOf[split]));
  return new Map([...used].sort().map((split) => [split, samples(split)]));
}

/** A file below the folder; null when it is not there, or when its name leads elsewhere. */
export function readImage(folder: string, name: string): Buffer | null {
  const path = join(folder, name);
  return isSafeName(name) && existsSync(path) ? readFileSync(path) : null;
}
