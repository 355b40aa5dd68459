/** A setting has one default: the schema's are the library's, and what help says of the recipe is what the recipe does. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Config, configSchema, sectionSchema } from '../../cli/config.ts';
import { withModel } from '../../cli/filter-recipe.ts';
import { properties } from '../../cli/flags.ts';
import { crawlDefaults } from '../../crawler/crawl-options.ts';
import { exportDefaults } from '../../dataset/export/defaults.ts';
import { encodeSettings } from '../../dataset/shards/encode.ts';
import { recipe, ruleRecords } from '../../filters/recipe.ts';
import { vocabularyDefaults } from '../../model/data/defaults.ts';
import { detectorDefaults } from '../../model/regions/defaults.ts';
import { evaluateDefaults } from '../../model/retrieval/defaults.ts';
import { gpuDefaults } from '../../model/runtime/environment.ts';
import { finetuneDefaults, pretrainDefaults } from '../../model/train/defaults.ts';

const schema = configSchema.parse({});
const { objectives, ...pretrain } = pretrainDefaults;

/** Section → the library's defaults, and the keys that only the command line knows. */
const sections: Record<string, [library: Readonly<Record<string, unknown>>, own: readonly string[]]> = {
  crawl: [crawlDefaults, ['seeds', 'recrawl', 'allow', 'deny']],
  export: [exportDefaults, []],
  regions: [detectorDefaults, ['detector']],
  pretrain: [
    { ...pretrain, ...gpuDefaults, ...objectives, vocabularySize: vocabularyDefaults.size },
    ['preset', 'run', 'from', 'steps'],
  ],
  finetune: [{ ...finetuneDefaults, ...gpuDefaults }, ['from', 'checkpoint', 'run', 'steps']],
  evaluate: [evaluateDefaults, ['run', 'checkpoint', 'split', 'images']],
};

describe("a section's defaults are the library's", () => {
  for (const [name, [library, own]] of Object.entries(sections)) {
    it(name, () => {
      const defaults = Object.entries(schema[name as Exclude<keyof typeof schema, 'blobs' | 'store'>]).filter(
        ([, value]) => value !== undefined,
      );
      const shared = defaults.filter(([key]) => !own.includes(key));
      assert.deepEqual(
        Object.fromEntries(shared),
        Object.fromEntries(shared.map(([key]) => [key, library[key]])),
        'every default that is not listed as the command line’s own is the library’s',
      );
    });
  }

  it('an image is encoded by them where nothing is said', () => {
    const { encode, resize, sizePx, onlyIfBigger, quality, keepLocation } = schema.export;
    assert.deepEqual(encodeSettings({}), { encode, resize, sizePx, onlyIfBigger, quality, keepLocation });
  });
});

describe('what help calls the number of lait is the number of its recipe', () => {
  const rules = new Map(ruleRecords(recipe({ photo: { model: 'x', score: async () => [] } })).map((rule) => [rule.name, rule.settings])); // biome-ignore format: one line
  const settings: [key: string, rule: string, setting: string][] = [
    ['languages', 'text/language', 'languages'],
    ['minDominance', 'image/dominant', 'minScore'],
    ['minSidePx', 'image/size', 'minSidePx'],
    ['maxAspectRatio', 'image/aspect', 'maxRatio'],
    ['minBytes', 'image/bytes', 'minBytes'],
    ['minEntropyBits', 'image/flat', 'minBits'],
    ['minSharpness', 'image/blur', 'minVariance'],
    ['minWords', 'text/length', 'minWords'],
    ['maxWords', 'text/length', 'maxWords'],
    ['maxImagesPerText', 'corpus/common-text', 'maxImages'],
    ['maxDuplicateBits', 'corpus/duplicate-image', 'maxDistanceBits'],
    ['minPhoto', 'image/photo', 'minProbability'],
  ];
  const described = new Map(properties(sectionSchema('filter')).map(([key, { description }]) => [key, description]));
  for (const [key, rule, setting] of settings) {
    it(key, () => {
      const said = /\(lait: ([^)]+)\)/.exec(described.get(key) ?? '')?.[1];
      assert.equal(said, String((rules.get(rule) as Record<string, unknown>)[setting]));
    });
  }
});

describe('where no relevance model is named', () => {
  type Given = Partial<Config['filter']>;
  const cases: [given: Given, model: string | undefined, configured?: Given][] = [
    [{}, undefined],
    [{ relevanceShare: 0.8 }, 'classes'],
    [{ minRelevance: 0 }, 'classes'],
    [{ minRelevance: 0.3, relevance: 'runs/pretrain' }, 'runs/pretrain', { minRelevance: 0.3 }],
    [{ minRelevance: 0.2 }, 'classes', { minRelevance: 0.3 }],
    [{ relevanceShare: 0.8 }, 'classes', { relevanceShare: 0.8 }],
  ];
  const taken = (given: Given, configured: Given) => {
    const filter = { ...schema.filter, ...configured };
    return withModel({ settings: { ...filter, ...given }, given, config: { filter } });
  };
  for (const [given, model, configured = {}] of cases)
    it(`${JSON.stringify(given)} takes ${model ?? 'none'}`, () =>
      assert.equal(taken(given, configured).relevance, model));
  it('a threshold of lait.yaml is of no model', () => {
    assert.throws(
      () => taken({}, { minRelevance: 0.3 }),
      /^UserError: Expected a model, .* filter\.relevance .* add relevance: classes/,
    );
  });
  it('a threshold that lait.yaml has for one model is of no other', () => {
    const configured = { relevance: 'runs/one', minRelevance: 0.3 };
    assert.equal(taken({}, configured).relevance, 'runs/one');
    for (const minRelevance of [0.3, 0.4])
      assert.equal(taken({ relevance: 'runs/other', minRelevance }, configured).minRelevance, minRelevance);
    assert.throws(
      () => taken({ relevance: 'runs/other' }, configured),
      /^UserError: Expected runs\/one, whose minRelevance 0\.3 lait\.yaml has, .* for filter\.relevance but received runs\/other; give --min-relevance/,
    );
  });
});
