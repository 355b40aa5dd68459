import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { configSchema } from '../../cli/config.ts';
import { type OpenRelevanceOptions, openRelevance, regionsOf } from '../../cli/scorers.ts';
import type { Example } from '../../model/data/example.ts';
import { memorySource } from '../../model/data/source.ts';
import { patches } from '../../model/regions/patches.ts';
import { topRegions } from '../../model/regions/region.ts';
import { pretrain } from '../../model/train/pretrain.ts';
import { picture } from '../helpers/picture.ts';
import { config, smallExamples, vocabulary } from '../model/small-model.ts';

const corpusDir = mkdtempSync(join(tmpdir(), 'lait-scorers-'));
after(() => rmSync(corpusDir, { recursive: true }));
const { regions } = configSchema.parse({});
const disposers: (() => void)[] = [];
const open = (name: string, more: Partial<OpenRelevanceOptions> = {}) =>
  openRelevance(name, {
    corpusDir,
    regions,
    keep: (model) => {
      disposers.push(() => model.dispose());
      return model;
    },
    ...more,
  });

describe('openRelevance', () => {
  before(async () => {
    const detector = patches();
    const featureSize = detector.featureSize;
    const pictures = await Promise.all(Array.from({ length: 10 }, (_, seed) => picture(seed)));
    const found = await detector.detect(pictures);
    const examples = smallExamples(10).map(
      (example, at): Example => ({ ...example, regions: topRegions(found[at]!, config.maxRegions, featureSize) }),
    );
    await pretrain({
      runDir: join(corpusDir, 'runs/small'),
      source: memorySource(examples, 1),
      config: { ...config, featureSize, classes: 1 },
      vocabulary,
      detector: detector.name,
      objectives: { mlm: 1, moc: 0, mrfr: 0, itm: 1, itc: 0 },
      steps: 1,
      batchSize: 4,
    });
  });
  after(() => {
    for (const dispose of disposers) dispose();
  });

  it("opens a run of the corpus with the run's own detector and scores raw pictures", async () => {
    const relevance = await open('runs/small');
    assert.match(relevance.model, /^imagebert-itm-/);
    const [whole, broken] = await relevance.score([
      { image: await picture(3), sha256: 'a', text: 'word1 word2' },
      { image: Buffer.from('no picture'), sha256: 'b', text: 'word1 word2' },
    ]);
    assert.ok(whole! > 0 && whole! < 1);
    assert.equal(broken, null);
  });

  it('refuses a path that leads to one run from the working folder and to another from the corpus', async (t) => {
    const [elsewhere, before] = [mkdtempSync(join(tmpdir(), 'lait-scorers-')), process.cwd()];
    t.after(() => {
      process.chdir(before);
      rmSync(elsewhere, { recursive: true });
    });
    mkdirSync(join(elsewhere, 'runs/small'), { recursive: true });
    process.chdir(elsewhere);
    await assert.rejects(open('runs/small'), {
      name: 'UserError',
      message: /Expected one relevance model for relevance/,
    });
    process.chdir(corpusDir);
    await open('runs/small');
  });

  it('asks for the shards of the run where its maps are wanted', async () => {
    await assert.rejects(open('runs/small', { head: 'map' }), {
      name: 'UserError',
      message: /shards that the run has learned from .*run `lait export` first/,
    });
    await assert.rejects(open('classes', { head: 'map' }), /Expected a run of ImageBERT for relevanceHead/);
  });

  it('opens a CLIP by its folder', async () => {
    const folder = join(import.meta.dirname, '../model/scorers/clip/clip');
    const relevance = await open(folder);
    assert.match(relevance.model, /^clip-/);
    const image = readFileSync(join(folder, '1.png'));
    const [score] = await relevance.score([{ image, sha256: 'a', text: 'a red boat on the beach' }]);
    assert.ok(Math.abs(score! - 0.00613) < 1e-4);
  });

  it('refuses what is no model, and a head of what has none', async () => {
    const folder = join(import.meta.dirname, '../model/scorers/clip/clip');
    mkdirSync(join(corpusDir, 'empty'), { recursive: true });
    writeFileSync(join(corpusDir, 'file.safetensors'), '');
    for (const [name, more, message] of [
      ['runs/none', {}, /Expected a relevance model at runs\/none/],
      ['empty', {}, /Expected a checkpoint or a run with one/],
      ['hf://nothing', {}, /Expected hf:\/\/OWNER\/NAME/],
      ['runs/small', { head: 'itc' as const }, /Expected a checkpoint that learned ITC/],
      [folder, { head: 'itc' as const }, /Expected a run of ImageBERT for relevanceHead/],
      ['file.safetensors', { head: 'itm' as const }, /Expected a run of ImageBERT for relevanceHead/],
    ] as const) {
      await assert.rejects(open(name, more), { name: 'UserError', message }, name);
    }
  });

  it('knows our detectors by their names', () => {
    for (const [name, changes] of [
      ['centernet-256-efficientnet-256', { detector: 'centernet', inputSidePx: 256, features: 'joined' }],
      ['centernet-512', { detector: 'centernet', inputSidePx: 512, features: 'centernet' }],
      ['patches-32-224', { detector: 'patches' }],
      ['mine', {}],
    ] as const) {
      assert.deepEqual(regionsOf(name, regions), { ...regions, ...changes });
    }
  });
});
