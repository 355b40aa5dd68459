/**
 * What each filter costs on one core: texts a second for the text rules, images a second for decoding, for the rules on
 * pixels and for the models whose weights are in the cache, hashes a second for near duplicates. CPU time of the process,
 * so that a busy machine measures the same; one row a rule.
 *
 *     node --import tsx bench/filters.ts [--models] [--hashes 1000000] [--texts FILE]    FILE: one text a line
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import type { StoredSample } from '../dataset/ledger/stored-sample.ts';
import { nearHashes } from '../filters/corpus/near-hashes.ts';
import type { ImageSample } from '../filters/filter.ts';
import { decodePixels } from '../filters/image/pixels.ts';
import { recipe } from '../filters/recipe.ts';
import { englishWords } from '../filters/text/english-words.ts';
import { textGrammar } from '../filters/text/grammar.ts';
import { ensurePretrained } from '../model/formats/pretrained.ts';

const { values: flags } = parseArgs({
  options: {
    models: { type: 'boolean', default: false },
    hashes: { type: 'string', default: '1000000' },
    texts: { type: 'string' },
  },
});

const row = (what: string, count: number, unit: string, cpuMs: number) =>
  console.log(
    `${what.padEnd(28)} ${Math.round((1000 * count) / cpuMs)
      .toLocaleString('en')
      .padStart(12)} ${unit}/s per core`,
  );

/** CPU milliseconds of all threads. */
async function cpuMs(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

const nouns =
  'dog girl boat mountain street bicycle market bridge child river horse guitar window tree beach train'.split(' ');
const verbs = 'runs past,stands near,looks at,jumps over,rests beside,is painted on,leans against,plays with'.split(
  ',',
);
const colours = 'red blue old small wooden white happy tall'.split(' ');
const pick = (list: readonly string[], at: number): string => list[at % list.length]!;

/** 11 words on average, as captions have. */
const made = Array.from(
  { length: 20_000 },
  (_, at) =>
    `A ${pick(colours, at)} ${pick(nouns, at * 7)} ${pick(verbs, at * 3)} the ${pick(colours, at >> 3)} ${pick(nouns, at >> 4)} near a ${pick(nouns, at >> 7)}`,
);
const texts = flags.texts === undefined ? made : readFileSync(flags.texts, 'utf8').split('\n').filter(Boolean);
const sample = (text: string): StoredSample => ({
  id: text,
  imageUrl: 'http://site.test/boat.jpg',
  pageUrl: 'http://site.test/',
  text,
  source: 'alt',
  pageTitle: 'The harbour',
  pageText: 'The harbour museum shows how boats were built in the village before there were roads between the farms.',
  format: 'jpg',
  width: 640,
  height: 480,
  frames: 1,
  byteLength: 60_000,
  sha256: text,
  phash: 'a'.repeat(16),
  segment: 0,
  offset: 0,
});
const samples = texts.map(sample);

const { clean, text: textRules, image: imageRules, scored } = recipe({ knownWords: englishWords });
// Loads the language model, the names and the lists of words.
clean!.clean('Ada Lovelace');
for (const rule of textRules) {
  await rule.load?.();
  rule.judge(samples[0]!);
}
row('text/clean', texts.length, 'texts', await cpuMs(() => texts.map((text) => clean!.clean(text))));
for (const rule of [...textRules, textGrammar()]) {
  const ms = await cpuMs(() => {
    for (const one of samples) rule.judge(one);
  });
  row(rule.name, samples.length, 'texts', ms);
}
const all = await cpuMs(() => {
  for (const one of samples) {
    const cleaned = { ...one, text: clean!.clean(one.text) };
    for (const rule of textRules) {
      if (!rule.judge(cleaned).keep) break;
    }
  }
});
row('all text rules', samples.length, 'texts', all);
row(
  'all rules on measurements',
  samples.length,
  'images',
  await cpuMs(() => samples.filter((one) => imageRules.every((rule) => rule.judge(one)))),
);

// A photograph's worth of detail at 640 × 480: noise, blurred, with some edges.
const jpegs = await Promise.all(
  Array.from({ length: 8 }, () =>
    sharp({
      create: {
        width: 640,
        height: 480,
        channels: 3,
        background: '#888',
        noise: { type: 'gaussian', mean: 128, sigma: 60 },
      },
    })
      .blur(1.5)
      .jpeg({ quality: 85 })
      .toBuffer(),
  ),
);
const images = Array.from({ length: 400 }, (_, at): ImageSample => {
  const bytes = jpegs[at % jpegs.length]!;
  let decoded: ReturnType<typeof decodePixels> | undefined;
  return {
    ...samples[at % samples.length]!,
    bytes,
    pixels: () => {
      decoded ??= decodePixels(bytes);
      return decoded;
    },
  };
});
row('decode to 256 px', images.length, 'images', await cpuMs(() => Promise.all(images.map(({ pixels }) => pixels()))));
for (const rule of scored ?? []) row(rule.name, images.length, 'images', await cpuMs(() => rule.score(images)));

const hashCount = Number(flags.hashes);
const hashes = Array.from({ length: hashCount }, () => randomBytes(8).toString('hex'));
const near = nearHashes(4);
const hashMs = await cpuMs(() => {
  for (const hash of hashes) if (!near.has(hash)) near.add(hash);
});
row(`near duplicates of ${hashCount.toLocaleString('en')}`, hashCount, 'images', hashMs);

if (flags.models) {
  const { unsafeScorer } = await import('../model/scorers/unsafe.ts');
  const { efficientNetFeatures } = await import('../model/scorers/image-features.ts');
  const { miniLmFeatures } = await import('../model/scorers/text-features.ts');
  const some = jpegs.concat(jpegs);
  /** Features are kept by buffer. */
  const copies = () => some.map((bytes) => Buffer.from(bytes));
  const unsafe = unsafeScorer(await ensurePretrained('open-nsfw'));
  await unsafe.score(some);
  row('image/unsafe (Open NSFW)', some.length, 'images', await cpuMs(() => unsafe.score(some)));
  const vision = efficientNetFeatures(await ensurePretrained('efficientnet-lite2'));
  const { photoScorer } = await import('../model/scorers/photo.ts');
  const photo = photoScorer(vision);
  await photo.score(some);
  row('image/photo', some.length, 'images', await cpuMs(() => photo.score(copies())));
  row('image features', some.length, 'images', await cpuMs(() => vision.of(copies())));
  const language = miniLmFeatures(await ensurePretrained('minilm'));
  language.of(texts.slice(0, 64));
  row(
    'text features',
    256,
    'texts',
    await cpuMs(() => [0, 1, 2, 3].map((at) => language.of(texts.slice(at * 64, at * 64 + 64)))),
  );
}
