/**
 * A site that changes between crawls, through the whole line: pictures that come, change and go, a threshold that moves, and `lait regions`
 * before and after the export. Whatever the order, each sample is trained with its own picture's features, or training says what it lacks.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ranInProcess } from '../helpers/in-process.ts';
import { ownFeatures } from '../helpers/own-features.ts';
import { picture } from '../helpers/picture.ts';
import { type Route, startSite } from '../helpers/site.ts';

const corpus = mkdtempSync(join(tmpdir(), 'lait-second-crawl-'));
after(() => rmSync(corpus, { recursive: true }));

async function lait(...args: readonly string[]): Promise<{ status: number; output: string }> {
  const { code, stdout, stderr } = await ranInProcess([...args, '--corpus', corpus]);
  return { status: code, output: stdout + stderr };
}

async function done(...args: readonly string[]): Promise<string> {
  const { status, output } = await lait(...args);
  assert.equal(status, 0, `lait ${args.join(' ')}: ${output}`);
  return output;
}

const texts = [
  'A red boat in the old harbour',
  'A white goose on the quiet lake',
  'A green hill in the summer rain',
  'An old bridge made of grey stone',
  'A small dog that sleeps in the sun',
  'A long table with six wooden chairs',
  'A tall tower that stands by the sea',
  'A blue door with a brass bell',
  'A yellow bus on the road to town',
  'A black cat that sits on a wall',
  'A market with fruit and fresh bread',
  'A train that waits at the station',
];
/** Those with an even number are tall enough for the stricter threshold. */
const pictureOf = (number: number, version = 0) =>
  picture(number + 100 * version, { width: 260, height: number % 2 === 0 ? 230 : 210 });

const pretrain = ['pretrain', '--preset', 'tiny', '--batch-size', '2', '--vocabulary-size', '200'];
const whole = (samples: number) => ({ samples, own: samples });

test('a second and a third crawl, in several orders of filter, export and regions', async (t) => {
  const routes: Record<string, Route> = {};
  const show = (numbers: readonly number[]) => {
    const items = numbers.map((n) => `<p><img src="/${n}.jpg" width="260" height="220" alt="${texts[n]}"></p>`);
    routes['/'] = `<html lang="en"><main>${items.join('')}</main></html>`;
  };
  show([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  for (const n of texts.keys()) routes[`/${n}.jpg`] = await pictureOf(n);
  const site = await startSite({ routes });
  t.after(() => site.close());
  writeFileSync(
    join(corpus, 'lait.yaml'),
    `crawl:
  seeds: ["${site.url}/"]
  allowPrivate: true
  render: never
  minDelayMs: 0
filter:
  preset: datacomp
export:
  samplesPerShard: 4
regions:
  detector: patches
`,
  );

  await done('crawl');
  await done('filter');
  await done('export');
  await done('regions');
  assert.deepEqual(await ownFeatures(corpus), whole(10));
  await done(...pretrain, '--steps', '2');
  await done('finetune', '--steps', '1', '--batch-size', '2');

  // Two pictures change under their URLs, two go, two come: export, then regions.
  for (const n of [0, 1]) routes[`/${n}.jpg`] = await pictureOf(n, 1);
  show([0, 1, 4, 5, 6, 7, 8, 9, 10, 11]);
  await done('crawl', '--recrawl', 'all');
  await done('filter');
  await done('export');
  const refused = await lait(...pretrain, '--steps', '3');
  assert.equal(refused.status, 2, refused.output);
  assert.match(refused.output, /^lait: Expected features of all \d+ pictures of .*; run lait regions/m);
  const before = await ownFeatures(corpus);
  assert.deepEqual(before, { samples: 10, own: 6 });
  assert.match(await done('regions'), /; 6 kept, 4 new, 0 without/);
  assert.deepEqual(await ownFeatures(corpus), whole(10));

  // Both runs were made from other data, which each says, and goes on with when told to.
  for (const [command, steps] of [
    [pretrain, '3'],
    [['finetune', '--batch-size', '2'], '2'],
  ] as const) {
    const { status, output } = await lait(...command, '--steps', steps);
    assert.equal(status, 2, output);
    assert.match(output, /was made from but received something else: .*; give --data-changed ok to go on with it/);
    await done(...command, '--steps', steps, '--data-changed', 'ok');
  }
  assert.match(await done('evaluate', '--split', 'train'), /^train.*, data [0-9a-f]{12}, weights [0-9a-f]{12}$/m);

  // A stricter threshold: nothing is to be detected.
  await done('filter', '--min-side-px', '220');
  await done('export');
  assert.deepEqual(await ownFeatures(corpus), whole(5));
  assert.match(await done('regions'), /; \d+ kept, 0 new, 0 without/);

  // A picture changes again and the threshold moves back: regions before the export find nothing new, and training still refuses.
  routes['/4.jpg'] = await pictureOf(4, 2);
  await done('crawl', '--recrawl', 'all');
  await done('filter');
  assert.match(await done('regions'), /; \d+ kept, 0 new, 0 without/);
  await done('export');
  assert.deepEqual(await ownFeatures(corpus), { samples: 10, own: 9 });
  const again = await lait(...pretrain, '--steps', '3', '--run', 'other');
  assert.deepEqual([again.status, /^lait: Expected features of all/m.test(again.output)], [2, true], again.output);
  assert.match(await done('regions'), /; 9 kept, 1 new, 0 without/);
  assert.deepEqual(await ownFeatures(corpus), whole(10));
  await done(...pretrain, '--steps', '3', '--run', 'other');
});
