/**
 * A CLIP (arXiv 2103.00020) or SigLIP (2303.15343) as the relevance scorer: the folder that transformers.js and Optimum read
 * and write, `onnx/text_model.onnx` and `onnx/vision_model.onnx` beside Hugging Face's tokenizer and preprocessor files. It
 * runs on the tokenizer, the image library and the ONNX runtime that this project has already.
 */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import sharp, { type Sharp } from 'sharp';
import { readBounded } from '../../dataset/bounded-file.ts';
import { withImage } from '../../dataset/image/open-image.ts';
import type { Loaded, RelevanceScorer } from '../../dataset/scorer.ts';
import { expected, UserError } from '../../dataset/user-error.ts';
import { openHuggingFaceTokenizer } from '../data/hugging-face-tokenizer.ts';
import type { EnsureOptions } from '../formats/cache.ts';
import { type OnnxInput, type OnnxModel, openOnnx } from '../formats/onnx.ts';
import { dot, normalizedRows } from '../ranking/vectors.ts';
import { mapDecoded } from '../regions/decode-batch.ts';
import { scoreTextsOfImages } from './texts-of-images.ts';

/** What a folder must hold. */
export const clipFiles = [
  'config.json',
  'preprocessor_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'onnx/text_model.onnx',
  'onnx/vision_model.onnx',
] as const;

const kinds = ['clip', 'siglip', 'siglip2'];

/** Whether a config.json is that of a CLIP or SigLIP. */
export const isClipConfig = (config: unknown): boolean =>
  kinds.includes((config as { model_type?: string } | null)?.model_type ?? '');

/** Whether a folder is a CLIP or SigLIP by its config.json. */
export function isClip(folder: string): boolean {
  const path = join(folder, 'config.json');
  return existsSync(path) && isClipConfig(readJson(path));
}

/**
 * Loads the model; its scores are cosines, -1 to 1. Throws a UserError for a folder without one of `clipFiles`, or with a
 * model of another kind.
 */
export async function clipRelevance(folder: string, ensure: EnsureOptions = {}): Promise<Loaded<RelevanceScorer>> {
  const missing = clipFiles.find((name) => !existsSync(join(folder, name)));
  if (missing) throw expected(clipFiles.join(', '), folder, `no ${missing}`, 'export it with Optimum');
  if (!isClip(folder)) throw expected('a CLIP or SigLIP', folder, 'another model', 'take one of these');
  const encode = textEncoder(folder);
  const picture = pictureSettings(folder);
  const text = await openOnnx(join(folder, 'onnx/text_model.onnx'), ensure);
  const vision = await openOnnx(join(folder, 'onnx/vision_model.onnx'), ensure);
  const model = `clip-${await identity(folder)}`;
  const pixelsOf = (images: readonly Buffer[]) => Promise.all(images.map((image) => pixels(image, picture)));
  const ofImages = (images: readonly Buffer[]) =>
    vectors(vision, { pixel_values: pictures(images, picture) }, 'image_embeds');
  const ofTexts = (texts: readonly string[]) => vectors(text, encode(texts), 'text_embeds');
  return {
    model,
    embed: {
      images: async (images) => mapDecoded(await pixelsOf(images), ofImages),
      texts: ofTexts,
    },
    score: (pairs) =>
      scoreTextsOfImages(pairs, pixelsOf, async (images, texts) => {
        const imageVectors = await ofImages(images);
        const textVectors = await ofTexts(texts.map((one) => one.text));
        return texts.map(({ row }, index) => dot(imageVectors[row]!, textVectors[index]!));
      }),
    dispose: () => {
      void text.dispose();
      void vision.dispose();
    },
  };
}

/** Rows of the output, of length 1. CLIP names it as given, SigLIP `pooler_output`. */
async function vectors(
  model: OnnxModel,
  inputs: Readonly<Record<string, OnnxInput>>,
  output: string,
): Promise<Float32Array[]> {
  const name = [output, 'pooler_output'].find((one) => model.outputs.includes(one));
  if (!name) throw expected(`an output ${output}`, 'CLIP', model.outputs.join(', '), 'export it with its projection');
  const taken = Object.fromEntries(Object.entries(inputs).filter(([input]) => model.inputs.includes(input)));
  const [result] = await model.run(taken, [name]);
  const { shape, values } = result!;
  return normalizedRows(values as Float32Array, shape[0] ?? 0);
}

interface PictureSettings {
  readonly width: number;
  readonly height: number;
  /** Of the shorter side before the middle is cut out; undefined: the whole picture is stretched. */
  readonly shortestPx?: number;
  readonly kernel: 'cubic' | 'linear' | 'lanczos3' | 'nearest';
  /** Of values 0 to 255, RGB: x · factor, then less `mean`, then over `deviation`. */
  readonly factor: number;
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
}

type Sides = number | { shortest_edge?: number; height?: number; width?: number };

/** `PIL.Image.Resampling` by number; what Hugging Face's processors name. */
const kernels = ['nearest', 'lanczos3', 'linear', 'cubic'] as const;

function pictureSettings(folder: string): PictureSettings {
  const json = readJson(join(folder, 'preprocessor_config.json')) as {
    size?: Sides;
    crop_size?: Sides;
    do_center_crop?: boolean;
    resample?: number;
    rescale_factor?: number;
    image_mean?: readonly number[];
    image_std?: readonly number[];
  };
  const side = (sides: Sides | undefined, name: 'height' | 'width'): number | undefined =>
    typeof sides === 'number' ? sides : (sides?.[name] ?? sides?.shortest_edge);
  const cut = json.do_center_crop === true;
  const [width, height] = (['width', 'height'] as const).map((name) => side(cut ? json.crop_size : json.size, name));
  if (!width || !height) throw expected('a size of pictures', folder, json.size ?? 'none', 'export it with Optimum');
  return {
    width,
    height,
    ...(cut && { shortestPx: side(json.size, 'height') ?? height }),
    kernel: kernels[json.resample ?? 3] ?? 'cubic',
    factor: json.rescale_factor ?? 1 / 255,
    mean: json.image_mean ?? [0, 0, 0],
    deviation: json.image_std ?? [1, 1, 1],
  };
}

/** [H, W, 3] RGB bytes, null where the image does not decode. */
async function pixels(image: Buffer, settings: PictureSettings): Promise<Buffer | null> {
  try {
    return await withImage(image, { failOn: 'error' }, (opened) => scaled(opened, settings));
  } catch {
    return null;
  }
}

async function scaled(image: Sharp, { width, height, shortestPx, kernel }: PictureSettings): Promise<Buffer> {
  const upright = image.rotate().flatten({ background: '#ffffff' }).toColourspace('srgb');
  if (shortestPx === undefined || (shortestPx === width && shortestPx === height)) {
    return await upright
      .resize(width, height, { fit: shortestPx === undefined ? 'fill' : 'cover', kernel })
      .raw()
      .toBuffer();
  }
  const { data, info } = await upright
    .resize(shortestPx, shortestPx, { fit: 'outside', kernel })
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { channels, ...size } = info;
  const raw = { width: size.width, height: size.height, channels };
  return await sharp(data, { raw }).resize(width, height, { fit: 'cover', kernel }).raw().toBuffer();
}

/** [B, 3, H, W] */
function pictures(images: readonly Buffer[], settings: PictureSettings): OnnxInput {
  const { width, height, factor, mean, deviation } = settings;
  const area = width * height;
  const values = new Float32Array(images.length * 3 * area);
  images.forEach((image, at) => {
    for (let channel = 0; channel < 3; channel++) {
      const to = (at * 3 + channel) * area;
      for (let place = 0; place < area; place++) {
        values[to + place] = (image[place * 3 + channel]! * factor - mean[channel]!) / deviation[channel]!;
      }
    }
  });
  return { shape: [images.length, 3, height, width], values };
}

/** Ours: no piece of CLIP or SigLIP covers more of a text. */
const maxPieceChars = 128;

/** Texts as `input_ids` and `attention_mask` [B, T]; cut where the model ends, its last special piece kept. */
function textEncoder(folder: string): (texts: readonly string[]) => Record<string, OnnxInput> {
  const settings = readJson(join(folder, 'tokenizer_config.json')) as {
    model_max_length?: number;
    pad_token?: string | { content: string };
  };
  const { model_type: kind, text_config: sizes } = readJson(join(folder, 'config.json')) as {
    model_type: string;
    text_config?: { max_position_embeddings?: number };
  };
  const path = join(folder, 'tokenizer.json');
  const tokenizer = openHuggingFaceTokenizer(readJson(path), settings, path);
  const maxLength = Math.min(
    settings.model_max_length ?? Number.POSITIVE_INFINITY,
    sizes?.max_position_embeddings ?? (kind === 'clip' ? 77 : 64),
  );
  const pad = typeof settings.pad_token === 'string' ? settings.pad_token : settings.pad_token?.content;
  const padId = (pad === undefined ? undefined : tokenizer.idOf(pad)) ?? 0;
  return (texts) => {
    const pieces = texts.map((text) => {
      const ids = tokenizer.encode(text.slice(0, maxLength * maxPieceChars), { addSpecialTokens: true });
      return ids.length <= maxLength ? ids : [...ids.slice(0, maxLength - 1), ids.at(-1)!];
    });
    // SigLIP has learned texts of one length; CLIP looks at nothing behind the end.
    const length = kind === 'clip' ? Math.max(...pieces.map((one) => one.length)) : maxLength;
    const ids = new BigInt64Array(texts.length * length).fill(BigInt(padId));
    const mask = new BigInt64Array(texts.length * length);
    pieces.forEach((one, at) => {
      ids.set(one.map(BigInt), at * length);
      mask.fill(1n, at * length, at * length + one.length);
    });
    const shape = [texts.length, length];
    return { input_ids: { shape, values: ids }, attention_mask: { shape, values: mask } };
  };
}

async function identity(folder: string): Promise<string> {
  const hash = createHash('sha256');
  for (const name of clipFiles) await pipeline(createReadStream(join(folder, name)), hash, { end: false });
  return hash.digest('hex').slice(0, 12);
}

function readJson(path: string): object {
  try {
    return JSON.parse(readBounded(path).toString()) as object;
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw expected('JSON', path, (error as Error).message, 'take another copy');
  }
}
