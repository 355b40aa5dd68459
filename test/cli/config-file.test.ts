import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseConfig, readConfig, withFlags } from '../../cli/config-file.ts';
import { commentedConfig } from '../../cli/init.ts';
import { UserError } from '../../dataset/user-error.ts';

const messageOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof UserError, String(error));
    return error.message;
  }
  assert.fail('expected a UserError');
};

describe('lait.yaml', () => {
  it('that lait init writes parses to the defaults', () => {
    assert.deepEqual(parseConfig(commentedConfig(), 'lait.yaml'), readConfig('/nowhere'));
  });

  it('may be empty', () => {
    assert.deepEqual(parseConfig('', 'lait.yaml'), readConfig('/nowhere'));
  });

  it('may have sections of which every key was deleted', () => {
    assert.deepEqual(parseConfig('crawl:\nfilter:\n  # nothing\n', 'lait.yaml'), readConfig('/nowhere'));
    assert.match(
      messageOf(() => parseConfig('nosuch:\n', 'lait.yaml')),
      /^Expected one of the keys .* but received nosuch/,
    );
  });

  it('keeps what it says and defaults the rest', () => {
    const config = parseConfig('crawl:\n  maxPages: 7\n  seeds: [https://example.org/a]\n', 'lait.yaml');
    assert.equal(config.crawl.maxPages, 7);
    assert.deepEqual(config.crawl.seeds, ['https://example.org/a']);
    assert.equal(config.crawl.concurrency, 20);
  });

  const mistakes: [text: string, message: RegExp][] = [
    [
      'crawl:\n  maxPage: 3\n',
      /^Expected one of the keys seeds, .*allowPrivate.* but received crawl\.maxPage; did you mean maxPages\? edit lait\.yaml, line 2\.$/,
    ],
    [
      'crawl:\n  maxPages: ten\n',
      /^Expected a number for crawl\.maxPages but received "ten"; edit lait\.yaml, line 2\.$/,
    ],
    [
      'crawl:\n  maxPages: 1.5\n',
      /^Expected a whole number for crawl\.maxPages but received 1\.5; edit lait\.yaml, line 2\.$/,
    ],
    [
      'crawl:\n  seeds: []\n  render: sometimes\n',
      /^Expected one of "auto"\|"always"\|"never" for crawl\.render but received "sometimes"; edit lait\.yaml, line 3\.$/,
    ],
    [
      'wanderings: 1\n',
      /^Expected one of the keys crawl, schedule, filter, .* but received wanderings; edit lait\.yaml, line 1\.$/,
    ],
    [
      'filter:\n  minSidePx: -4\n',
      /^Expected a value >=1 for filter\.minSidePx but received -4; edit lait\.yaml, line 2\.$/,
    ],
    [
      'filter:\n  languages: []\n',
      /^Expected a list with >=1 items for filter\.languages but received \[\]; edit lait\.yaml, line 2\.$/,
    ],
    [
      'regions:\n  onnx:\n    path: a.onnx\n    name: a\n    labels: [x]\n    input: { name: i, sidePx: 64 }\n    outputs: { boxes: b, scores: s }\n    boxFrom: centre\n',
      /^Expected one of the keys path, name, labels, input, .* but received regions\.onnx\.boxFrom; did you mean boxForm\? edit lait\.yaml, line 8\.$/,
    ],
    ['crawl: [\n', /^Expected YAML in lait\.yaml but line \d+ is not: /],
    ['- a\n', /^Expected a section of keys for the settings but received \["a"\]; /],
    [
      `crawl: ${'x'.repeat(100_000)}\n`,
      /^Expected a section of keys for crawl but received "x{499}…; edit lait\.yaml, line 1\.$/,
    ],
    [
      'filter: &a { minWords: *a }\n',
      /^Expected settings without such aliases in lait\.yaml but received Converting circular/,
    ],
    [
      `a: &a [${'x,'.repeat(9)}]\n${[...'bcdefghi'].map((name, at) => `${name}: &${name} [${`*${'abcdefgh'[at]},`.repeat(9)}]\n`).join('')}`,
      /^Expected settings without such aliases in lait\.yaml but received Excessive alias count/,
    ],
  ];
  it('shows nothing of what stands where the store is: there may be a password', () => {
    for (const store of ['{ url: postgres://me:secret@host/birds }', '[postgres://me:secret@host/birds]', '7']) {
      assert.match(
        messageOf(() => parseConfig(`store: ${store}\n`, 'lait.yaml')),
        /for store but received something else; edit lait\.yaml, line 1\.$/,
      );
    }
  });

  for (const [text, message] of mistakes) {
    it(`answers ${JSON.stringify(text)} with one line`, () => {
      assert.match(
        messageOf(() => parseConfig(text, 'lait.yaml')),
        message,
      );
    });
  }
});

describe('flags', () => {
  it('win over the file', () => {
    const config = parseConfig('crawl:\n  maxPages: 7\n  maxDepth: 2\n', 'lait.yaml');
    const crawl = withFlags(config, 'crawl', { maxPages: 9 });
    assert.deepEqual([crawl.maxPages, crawl.maxDepth], [9, 2]);
  });

  it('of a wrong type are named', () => {
    assert.equal(
      messageOf(() => withFlags(readConfig('/nowhere'), 'crawl', { maxPages: 1.5 })),
      'Expected a whole number for maxPages but received 1.5; correct the flag --max-pages.',
    );
  });
});
