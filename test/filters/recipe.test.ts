import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Preset, presets, recipe, ruleRecords } from '../../filters/recipe.ts';
import { englishWords } from '../../filters/text/english-words.ts';

const model = { model: 'm', score: async () => [] };
const all = { knownWords: englishWords, unsafe: model, photo: model, relevance: model };

/** What the preset's rules were told, by rule; undefined where the rule is not in its recipe. */
const settingsOf = (preset: Preset) =>
  new Map(ruleRecords(recipe({ preset, ...all })).map(({ name, settings }) => [name, settings]));

/** The published numbers by pipeline: CC12M §2, LAION-400M and -5B, DataComp "basic" and its 30 %, COYO, OBELICS, ALIGN. */
const published: [rule: string, Record<Preset, Record<string, unknown> | undefined>][] = [
  [
    'text/length',
    {
      lait: { minWords: 3, maxWords: 64, minChars: 6, maxChars: 1000 },
      cc12m: { minWords: 3, maxWords: 256 },
      laion: { minWords: 1, minChars: 5, maxChars: 2000 },
      datacomp: { minWords: 3, minChars: 6 },
    },
  ],
  [
    'text/clean',
    {
      lait: {
        crop: true,
        maskPersons: true,
        maskContacts: false,
        firstSentences: { maxWords: 64, maxChars: 1000 },
      },
      cc12m: { crop: true, maskPersons: true, maskContacts: true, firstSentences: null },
      laion: { crop: false, maskPersons: false, maskContacts: false, firstSentences: null },
      datacomp: { crop: false, maskPersons: false, maskContacts: false, firstSentences: null },
    },
  ],
  ['text/language', { lait: { languages: ['en'] }, cc12m: {}, laion: {}, datacomp: {} }],
  ['page/language', { lait: { languages: ['en'] }, cc12m: undefined, laion: undefined, datacomp: undefined }],
  ['text/repetition', { lait: { maxShare: 0.2 }, cc12m: { maxShare: 0.2 }, laion: undefined, datacomp: undefined }],
  ['text/rare-words', { lait: { maxShare: 0.3 }, cc12m: {}, laion: undefined, datacomp: undefined }],
  ['text/symbols', { lait: { maxShare: 0.3 }, cc12m: undefined, laion: undefined, datacomp: undefined }],
  ['text/file-name', { lait: {}, cc12m: {}, laion: undefined, datacomp: undefined }],
  ['text/boilerplate', { lait: {}, cc12m: {}, laion: undefined, datacomp: undefined }],
  ['text/unsafe-words', { lait: {}, cc12m: {}, laion: undefined, datacomp: undefined }],
  ['text/personal', { lait: {}, cc12m: undefined, laion: undefined, datacomp: undefined }],
  ['text/grammar', { lait: undefined, cc12m: {}, laion: undefined, datacomp: undefined }],
  ['image/url-words', { lait: {}, cc12m: undefined, laion: undefined, datacomp: undefined }],
  [
    'image/size',
    { lait: { minSidePx: 301 }, cc12m: { minSidePx: 401 }, laion: undefined, datacomp: { minSidePx: 200 } },
  ],
  ['image/aspect', { lait: { maxRatio: 3 }, cc12m: { maxRatio: 2.5 }, laion: undefined, datacomp: { maxRatio: 3 } }],
  ['image/bytes', { lait: { minBytes: 5000 }, cc12m: undefined, laion: { minBytes: 5000 }, datacomp: undefined }],
  ['image/area', { lait: { maxPx: 89_478_484 }, cc12m: {}, laion: { maxPx: 89_478_484 }, datacomp: {} }],
  [
    'image/format',
    {
      lait: { formats: ['jpg', 'png', 'webp'] },
      cc12m: { formats: ['jpg'] },
      laion: { formats: ['jpg', 'png', 'webp'] },
      datacomp: {},
    },
  ],
  ['image/unsafe', { lait: { maxUnsafe: 0.5 }, cc12m: {}, laion: { maxUnsafe: 0.5 }, datacomp: {} }],
  ['corpus/common-text', { lait: { maxImages: 10 }, cc12m: undefined, laion: undefined, datacomp: undefined }],
  ['corpus/duplicate-image', { lait: {}, cc12m: undefined, laion: undefined, datacomp: undefined }],
  ['corpus/best-text', { lait: {}, cc12m: undefined, laion: undefined, datacomp: undefined }],
  ['corpus/relevance-share', { lait: undefined, cc12m: undefined, laion: undefined, datacomp: { share: 0.3 } }],
];

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
