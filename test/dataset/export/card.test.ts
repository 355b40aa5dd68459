import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { parse } from 'yaml';
import {
  asPreset,
  cardHeader,
  cardReadme,
  funnelSvg,
  shownSetting,
  thresholdSource,
} from '../../../dataset/export/card.ts';
import { exportAccount } from '../../../dataset/export/croissant.ts';
import { exportShards } from '../../../dataset/export/export.ts';
import { readManifest } from '../../../dataset/shards/manifest.ts';
import { type RecipeOptions, recipe, ruleRecords } from '../../../filters/recipe.ts';
import { writeSmallCorpus } from '../small-corpus.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-card-'));
const outDir = join(root, 'shards');
after(() => rmSync(root, { recursive: true, force: true }));
before(async () => {
  await writeSmallCorpus(root, { images: 20, failed: 3 });
  const card = { name: 'Squares: "all" of them', license: 'cc-by-4.0', languages: ['en'] };
  await exportShards({ corpusDir: root, outDir, samplesPerShard: 10, validationFraction: 0.3, card });
});

test('the header is YAML that Hugging Face knows, with a pattern for each split', () => {
  const readme = readFileSync(join(outDir, 'README.md'), 'utf8');
  const header = parse(readme.split('---\n')[1]!);
  assert.deepEqual(
    [header.pretty_name, header.license, header.language, header.size_categories],
    ['Squares: "all" of them', 'cc-by-4.0', ['en'], ['n<1K']],
  );
  assert.deepEqual(header.configs[0].data_files, [
    { split: 'train', path: 'train/*.tar' },
    { split: 'validation', path: 'validation/*.tar' },
  ]);
  assert.match(readme, /\| `download` \| download \| 23 \| 3 \| 20 \| http-404 3 \|/);
  assert.match(readme, /\| no link found \| 20 \|/);
  assert.match(readme, /\| robots\.txt \| 1 \|/);
  assert.match(readme, /^20 samples in \d shards, [\d.]+ MB, collected on 2023-11-14\.$/m);
  assert.match(readme, /^Kept pairs by the site of their page \(1 site\):$/m);
  assert.match(readme, /No rule looked for pornographic images\./);
});

test('the Croissant file names every archive with its hash, and record sets of both splits', () => {
  const croissant = JSON.parse(readFileSync(join(outDir, 'croissant.json'), 'utf8'));
  const { files } = readManifest(outDir);
  const archives = Object.keys(files).filter((path) => path.endsWith('.tar'));
  const objects = croissant.distribution.filter((one: { '@type': string }) => one['@type'] === 'cr:FileObject');
  assert.deepEqual(
    objects.map((one: Record<string, string>) => [one['@id'], one.sha256, one.contentSize]),
    archives.map((path) => [path, files[path]!.sha256, `${files[path]!.bytes} B`]),
  );
  assert.equal(croissant.conformsTo, 'http://mlcommons.org/croissant/1.1');
  assert.deepEqual(
    croissant.recordSet.map((one: { name: string }) => one.name),
    ['train-texts', 'train-images', 'validation-texts', 'validation-images'],
  );
});

test('the card and the Croissant file print the source that each rule of the preset gives for its values', () => {
  const facts = {
    funnel: { found: 0, gone: 0, unjudged: 0, kept: 0, rows: [] },
    collected: null,
    pages: [],
    hosts: [],
    hostCount: 0,
    sources: [],
    licenses: [],
    rightsSignals: [],
    refusals: [],
  };
  const input = (options: RecipeOptions) => ({
    card: {},
    facts,
    rules: ruleRecords(recipe(options)),
    samples: { train: 0, validation: 0 },
    shards: { train: 0, validation: 0 },
    bytes: 0,
    format: 'webdataset' as const,
    versions: [],
    layout: 'growing' as const,
    preset: options.preset ?? 'lait',
    encode: 'auto' as const,
    columns: {},
  });
  const model = { model: 'm', score: async () => [] };
  const rows: [RecipeOptions, string, string, string, string][] = [
    [{}, 'image/size', 'minSidePx', '301', 'LAIT: both sides over 300 px (ImageBERT §3)'],
    [{}, 'text/length', 'maxWords', '64', 'ours: what a sequence of 144 holds (LAIT: "normal length", 13 on average)'],
    [{}, 'image/flat', 'minBits', '2.5', 'ours'],
    [{}, 'text/language', 'languages', '["en"]', 'LAIT: English only (ImageBERT §3)'],
    [{ minSidePx: 64 }, 'image/size', 'minSidePx', '64', 'chosen for this corpus'],
    [{ minSidePx: 301 }, 'image/size', 'minSidePx', '301', 'LAIT: both sides over 300 px (ImageBERT §3)'],
    [{ languages: ['de'] }, 'text/language', 'languages', '["de"]', 'chosen for this corpus'],
    [{ preset: 'cc12m' }, 'image/aspect', 'maxRatio', '2.5', 'CC12M §2.1'],
    [{ preset: 'laion' }, 'text/length', 'minChars', '5', 'LAION: at least 5 characters'],
    [{ preset: 'laion' }, 'text/length', 'maxWords', 'off', 'LAION'],
    [
      { preset: 'laion' },
      'text/length',
      'maxTextBytes',
      '2000',
      'LAION: 2,000 bytes are what its language detector reads',
    ],
    [{ preset: 'laion' }, 'image/bytes', 'minBytes', '5000', 'LAION'],
    [{ preset: 'datacomp' }, 'image/size', 'minSidePx', '200', 'DataComp "basic": shorter side of at least 200 px'],
    [{ preset: 'datacomp' }, 'text/length', 'minChars', '6', 'DataComp "basic": over 5'],
    [
      { preset: 'datacomp', relevance: model },
      'corpus/relevance-share',
      'share',
      '0.3',
      'DataComp: the best 30 % by CLIP L/14',
    ],
  ];
  const knownWords = () => ({ source: 'WordNet', knows: () => true });
  const asPresetOf = (options: RecipeOptions) => asPreset(ruleRecords(recipe({ knownWords, ...options })));
  assert.equal(asPresetOf({}), 'as it is');
  assert.equal(asPresetOf({ minSidePx: 64 }), 'with 1 setting chosen for this corpus');
  for (const [options, rule, setting, value, source] of rows) {
    const row = `| \`${rule}\` | ${setting} | ${value} | ${source} |`;
    assert.ok(cardReadme(input(options)).includes(row), row);
    assert.ok(
      JSON.stringify(exportAccount(input(options)).rai).includes(JSON.stringify(`(${source})`).slice(1, -1)),
      source,
    );
  }
  const old = { name: 'text/length', stage: 'text', settings: { minWords: 3 } } as const;
  assert.equal(thresholdSource(old, 'minWords'), 'not recorded');
});

test('what came from the web does nothing in the card, and the header is YAML whatever a title or a licence holds', () => {
  const evil = 'https://a.example/![x](http://b.example/track.png)|<img src=x>';
  const count = [{ name: evil, count: 1 }];
  const facts = {
    funnel: { found: 0, gone: 0, unjudged: 0, kept: 0, rows: [] },
    collected: null,
    pages: count,
    hosts: count,
    hostCount: 1,
    sources: count,
    licenses: count,
    rightsSignals: count,
    refusals: count,
  };
  const readme = cardReadme({
    card: { name: 'a\n---\n# ![x](y)', license: 'other\nlicense: mit', languages: ['no'] },
    facts,
    rules: [],
    samples: { train: 1, validation: 0 },
    shards: { train: 1, validation: 0 },
    bytes: 0,
    format: 'webdataset',
    versions: [],
    layout: 'growing',
    preset: evil,
    columns: { listColumns: { [evil]: 'STRING' } },
  });
  assert.ok(readme.includes('\n| `https://a.example/![x](http://b.example/track.png)¦<img src=x>` | 1 |\n'));
  const text = 'https://a.example/\\!\\[x\\]\\(http://b.example/track.png\\)\\|&lt;img src=x\\>';
  assert.equal(readme.split(`\n| ${text} | 1 |\n`).length, 6);
  assert.ok(readme.includes('\n# a --- \\# \\!\\[x\\]\\(y\\)\n'));
  const header = parse(readme.split(/^---$/m)[1]!);
  assert.deepEqual(
    [header.pretty_name, header.license, header.language],
    ['a\n---\n# ![x](y)', 'other\nlicense: mit', ['no']],
  );
});

test('a long setting is shown by its length', () => {
  assert.equal(shownSetting(['a', 'b']), '["a","b"]');
  assert.equal(shownSetting(Array(9).fill('a')), '9 entries');
  assert.equal(shownSetting(['a'.repeat(116)]).length, 120);
  assert.equal(shownSetting(['a'.repeat(117)]), '1 entry');
});

test('the funnel’s picture has a bar for what was found and for each rule', () => {
  const row = { rule: 'a<b', stage: 'text', entered: 4000, dropped: 2000, kept: 2000, reasons: [] } as const;
  const svg = funnelSvg([row], 4000);
  assert.equal(svg.match(/fill="#3b6ea5"/g)!.length, 2);
  assert.match(svg, /a&lt;b/);
  assert.match(svg, /width="200\.0"/);
  assert.match(svg, />2,000 <tspan fill="#a33b3b">−2,000<\/tspan></);
});

test('whatever a title, a licence and languages hold, the header gives them back', () => {
  const text = fc.string({ unit: 'binary' });
  fc.assert(
    fc.property(text, text, fc.array(text, { minLength: 1, maxLength: 3 }), (name, license, languages) => {
      const header = cardHeader({ name, license, languages, samples: 1, files: [] });
      const { pretty_name, license: said, language } = parse(header.slice(4, -3));
      assert.deepEqual([pretty_name, said, language], [name, license, languages]);
      assert.equal(header.split('\n').filter((line) => line === '---').length, 2);
    }),
  );
});
