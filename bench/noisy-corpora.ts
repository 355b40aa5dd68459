/**
 * Two corpora for the claim that a model learns from many noisy pairs first and then from few clean ones (ImageBERT, table 3): of the
 * training images of a Flickr set one third with its captions (`clean`), and two thirds of which a share has another image's
 * captions (`noisy`). Both have the regions that CORPUS has already.
 *
 *     node --import tsx bench/noisy-corpora.ts CORPUS CAPTIONS IMAGES TRAINING-LIST [--wrong 0.4] [--seed 0]
 *
 * CAPTIONS is Flickr8k.token.txt, TRAINING-LIST Flickr_8k.trainImages.txt. `bench/learning.ts` learns from what is written.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { random } from '../dataset/random.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { wrong: { type: 'string', default: '0.4' }, seed: { type: 'string', default: '0' } },
});
const [corpus, captions, pictures, trainingList] = positionals;
if (corpus === undefined || captions === undefined || pictures === undefined || trainingList === undefined)
  throw new Error('Expected a corpus, a file of captions, a folder of images and a list of training images.');

const linesOf = (path: string) => readFileSync(path, 'utf8').split('\n').filter(Boolean);
const draw = random(Number(values.seed));
const shuffled = draw.shuffle(linesOf(trainingList).map((line) => line.trim()));
const cleanCount = Math.round(shuffled.length / 3);
const clean = shuffled.slice(0, cleanCount);
const noisy = shuffled.slice(cleanCount);

/** Whose captions each noisy image has: the wrong ones pass theirs on in a circle, so that none keeps its own. */
const wrong = noisy.slice(0, Math.round(noisy.length * Number(values.wrong)));
const captionsOf = new Map(wrong.map((name, place) => [name, wrong[(place + 1) % wrong.length]!]));
const imageOf = new Map([...captionsOf].map(([image, owner]) => [owner, image]));

const written = linesOf(captions).map((line) => {
  const hash = line.indexOf('#');
  const owner = line.slice(0, hash);
  return `${imageOf.get(owner) ?? owner}${line.slice(hash)}`;
});

for (const [name, images] of Object.entries({ clean, noisy })) {
  const folder = join(corpus, name);
  mkdirSync(folder, { recursive: true });
  const tokenFile = join(folder, 'captions.token.txt');
  const listFile = join(folder, 'images.txt');
  writeFileSync(tokenFile, `${written.join('\n')}\n`);
  writeFileSync(listFile, `${images.join('\n')}\n`);
  cpSync(join(corpus, 'lait.yaml'), join(folder, 'lait.yaml'));
  const lait = (...args: string[]) =>
    execFileSync(process.execPath, [join(import.meta.dirname, '../cli/lait.mjs'), ...args], { stdio: 'inherit' });
  lait('import', 'flickr', tokenFile, pictures, '--split-file', `train=${listFile}`, '--corpus', folder);
  cpSync(join(corpus, 'regions'), join(folder, 'regions'), { recursive: true });
  lait('regions', '--corpus', folder);
}
