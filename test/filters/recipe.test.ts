import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Preset, presets } from '../../filters/presets.ts';
import { recipe, ruleRecords } from '../../filters/recipe.ts';
import { englishWords } from '../../filters/text/english-words.ts';

const model = { model: 'm', score: async () => [] };
const all = { knownWords: englishWords, unsafe: model, photo: model, relevance: model };

/** What the preset's rules were told, by rule; undefined where the rule is not in its recipe. */
const settingsOf = (preset: Preset) =>
  new Map(ruleRecords(recipe({ preset, ...all })).map(({ name, settings }) => [name, settings]));

/**
 * The published values, rule by rule: CC3M §3, CC12M §2.1, COYO-700M's README, LAION's workers, DataComp's "basic" filter and its
 * 30 %, OBELICS' configuration. docs/filters.md says where each comes from.
 */
const published: [rule: string, Record<Preset, Record<string, unknown> | undefined>][] = [
  [
    'text/length',
    {
      lait: { minWords: 3, maxWords: 64, minChars: 6, maxChars: 1000, maxTextBytes: null, countedBy: 'words' },
      cc3m: { minWords: null, maxWords: null, minChars: null, maxChars: null, maxTextBytes: null },
      cc12m: { minWords: 3, maxWords: 256, minChars: null, maxChars: null, maxTextBytes: null },
      coyo: { minWords: 3, maxWords: 256, minChars: 6, maxChars: 1000, maxTextBytes: null, countedBy: 'spaces' },
      laion: { minWords: 1, maxWords: null, minChars: 5, maxChars: null, maxTextBytes: 2000 },
      datacomp: {
        minWords: 3,
        maxWords: null,
        minChars: 6,
        maxChars: null,
        maxTextBytes: null,
        countedBy: 'spaces',
      },
      obelics: { minWords: 4, maxWords: 1000, minChars: null, maxChars: null, countedBy: 'words' },
    },
  ],
  [
    'text/clean',
    {
      lait: {
        crop: true,
        maskPersons: false,
        maskContacts: false,
        firstSentences: { maxWords: 64, maxChars: 1000 },
      },
      cc3m: { crop: true, maskPersons: true, maskContacts: false, firstSentences: null },
      cc12m: { crop: true, maskPersons: true, maskContacts: true, firstSentences: null },
      coyo: { crop: false, maskPersons: false, maskContacts: false, firstSentences: null },
      laion: { crop: false, maskPersons: false, maskContacts: false, firstSentences: null },
      datacomp: { crop: false, maskPersons: false, maskContacts: false, firstSentences: null },
      obelics: { crop: false, maskPersons: false, maskContacts: false, firstSentences: null },
    },
  ],
  ['text/language', every({ languages: ['en'] })],
  ['page/language', only('lait', 'cc3m', 'cc12m', 'obelics', { languages: ['en'] })],
  [
    'text/repetition',
    {
      ...every(undefined),
      lait: { maxShare: 0.2, shortWords: false },
      cc3m: { maxShare: 0.2, shortWords: true },
      cc12m: { maxShare: 0.2, shortWords: true },
    },
  ],
  ['text/rare-words', only('lait', 'cc3m', 'cc12m', { maxShare: 0.3 })],
  ['text/symbols', only('lait', 'obelics', { maxShare: 0.3 })],
  ['text/capitals', only('cc3m', { maxShare: 0.5 })],
  ['text/file-name', only('lait', 'cc3m', 'cc12m', {})],
  ['text/boilerplate', only('lait', 'cc3m', 'cc12m', {})],
  ['text/unsafe-words', only('lait', 'cc3m', 'cc12m', 'coyo', 'obelics', { languages: ['en'] })],
  ['text/personal', only('lait', {})],
  [
    'text/grammar',
    {
      ...every(undefined),
      cc3m: { needs: ['noun', 'determiner', 'preposition'] },
      cc12m: { needs: ['noun', 'determiner'] },
      coyo: { needs: ['noun'] },
    },
  ],
  ['image/url-words', { ...every(undefined), lait: { anywhere: false }, obelics: { anywhere: true } }],
  [
    'image/size',
    {
      lait: { minSidePx: 301, maxSidePx: null },
      cc3m: { minSidePx: 401, maxSidePx: null },
      cc12m: { minSidePx: 401, maxSidePx: null },
      coyo: { minSidePx: 200, maxSidePx: null },
      laion: undefined,
      datacomp: { minSidePx: 200, maxSidePx: null },
      obelics: { minSidePx: 150, maxSidePx: 20_000 },
    },
  ],
  [
    'image/aspect',
    {
      lait: { maxRatio: 3 },
      cc3m: { maxRatio: 2 },
      cc12m: { maxRatio: 2.5 },
      coyo: { maxRatio: 3 },
      laion: undefined,
      datacomp: { maxRatio: 3 },
      obelics: { maxRatio: 2 },
    },
  ],
  ['image/bytes', only('lait', 'coyo', 'laion', { minBytes: 5000 })],
  ['image/area', every({ maxPx: 89_478_484 })],
  [
    'image/format',
    {
      lait: { formats: ['jpg', 'png', 'webp'] },
      cc3m: { formats: ['jpg'] },
      cc12m: { formats: ['jpg'] },
      coyo: { formats: ['jpg', 'png', 'webp', 'gif', 'avif'] },
      laion: { formats: ['jpg', 'png', 'webp'] },
      datacomp: { formats: ['jpg', 'png', 'webp', 'gif', 'avif'] },
      obelics: { formats: ['jpg', 'png', 'webp'] },
    },
  ],
  ['image/flat', only('lait', {})],
  ['image/blur', only('lait', {})],
  ['image/unsafe', { ...every({ maxUnsafe: 0.5 }), obelics: { maxUnsafe: 0.85 } }],
  [
    'corpus/common-text',
    { ...every(undefined), lait: { maxImages: 10, alike: true }, coyo: { maxImages: 10, alike: false } },
  ],
  [
    'corpus/duplicate-image',
    {
      ...every(undefined),
      lait: { maxDistanceBits: 4, sameText: false },
      coyo: { maxDistanceBits: 0, sameText: true },
    },
  ],
  ['corpus/best-text', only('lait', {})],
  ['corpus/relevance-share', only('datacomp', { share: 0.3 })],
];

function every<Value>(value: Value): Record<Preset, Value> {
  return Object.fromEntries(Object.keys(presets).map((preset) => [preset, value])) as Record<Preset, Value>;
}

/** The presets that have a rule, and its settings. */
function only(...args: [...Preset[], Record<string, unknown>]): Record<Preset, Record<string, unknown> | undefined> {
  const settings = args.pop() as Record<string, unknown>;
  return Object.fromEntries(
    Object.keys(presets).map((preset) => [
      preset,
      (args as readonly unknown[]).includes(preset) ? settings : undefined,
    ]),
  ) as Record<Preset, Record<string, unknown> | undefined>;
}

describe('presets', () => {
  for (const preset of Object.keys(presets) as Preset[]) {
    const settings = settingsOf(preset);
    for (const [rule, expected] of published) {
      it(`${preset} ${rule}: ${JSON.stringify(expected[preset]) ?? 'left out'}`, () => {
        const wanted = expected[preset];
        const found = settings.get(rule);
        if (!wanted || !found) assert.deepEqual(found, wanted);
        else assert.deepEqual(pick(found, Object.keys(wanted)), wanted);
      });
    }
  }
  it('each rule stands once in a recipe, and a null takes it out', () => {
    const names = ruleRecords(recipe(all)).map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
    const fewer = ruleRecords(recipe({ ...all, maxRareShare: null, maxSymbolShare: null })).map(({ name }) => name);
    assert.deepEqual(
      names.filter((name) => !fewer.includes(name)),
      ['text/symbols', 'text/rare-words'],
    );
  });
  for (const preset of Object.keys(presets) as Preset[]) {
    it(`${preset}: every setting of every rule has a source`, () => {
      const unsourced = ruleRecords(recipe({ preset, ...all })).flatMap(({ name, settings, sources }) =>
        Object.keys(settings)
          .filter((setting) => !sources?.[setting])
          .map((setting) => `${name} ${setting}`),
      );
      assert.deepEqual(unsourced, []);
    });
  }
  it('a number of the operator replaces the preset’s', () => {
    const rules = ruleRecords(recipe({ preset: 'cc12m', minWords: 5 }));
    assert.deepEqual(rules.find(({ name }) => name === 'text/length')?.settings.minWords, 5);
  });
});

const pick = (from: Readonly<Record<string, unknown>>, keys: readonly string[]) =>
  Object.fromEntries(keys.map((key) => [key, from[key]]));
