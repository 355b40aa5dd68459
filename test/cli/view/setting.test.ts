/** "Use this" changes one setting of lait.yaml and nothing else. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parseConfig } from '../../../cli/config-file.ts';
import { commentedConfig } from '../../../cli/init.ts';
import { isFilterSetting, withFilterSetting, writeFilterSetting } from '../../../cli/view/setting.ts';

describe('withFilterSetting', () => {
  const cases: readonly (readonly [name: string, before: string, after: string])[] = [
    ['of no file', '', 'filter:\n  minSharpness: 45\n'],
    [
      'of other sections',
      '# mine\ncrawl:\n  contact: a@b.example # who asks\n',
      '# mine\ncrawl:\n  contact: a@b.example # who asks\nfilter:\n  minSharpness: 45\n',
    ],
    [
      'that is set',
      'filter:\n  # blurred ones go\n  minSharpness: 60 # ours\n  minSidePx: 256\n',
      'filter:\n  # blurred ones go\n  minSharpness: 45 # ours\n  minSidePx: 256\n',
    ],
    [
      'of a list in one line',
      'filter:\n  languages: [en, de] # two\n',
      'filter:\n  minSharpness: 45\n  languages: [en, de] # two\n',
    ],
    [
      'with the line ends of Windows, four spaces and wide gaps',
      'crawl:\r\n    contact:   a@b.example\r\n\r\nfilter:   # mine\r\n    # small\r\n    minSidePx:    256   # ours\r\n',
      'crawl:\r\n    contact:   a@b.example\r\n\r\nfilter:   # mine\r\n    minSharpness: 45\r\n    # small\r\n    minSidePx:    256   # ours\r\n',
    ],
    [
      'that is set, with wide gaps',
      'filter:\r\n  minSharpness  :   60   # ours\r\n',
      'filter:\r\n  minSharpness  :   45   # ours\r\n',
    ],
    [
      'of a section that has been emptied',
      'filter:\n  # nothing yet\n',
      'filter:\n  minSharpness: 45\n  # nothing yet\n',
    ],
    ['of a file without an end of line', 'filter:', 'filter:\n  minSharpness: 45\n'],
    ['of a section that is null', 'filter: ~ # none\n', 'filter:\n  minSharpness: 45\n'],
    ['of a section in braces', 'filter: { minSidePx: 256 }\n', 'filter: {minSidePx: 256, minSharpness: 45}\n'],
    [
      'of a file with an end',
      'filter:\n  minSidePx: 256\n...\n',
      'filter:\n  minSharpness: 45\n  minSidePx: 256\n...\n',
    ],
    ['in quotes', `'filter':\n  "minSidePx": 256\n`, `'filter':\n  minSharpness: 45\n  "minSidePx": 256\n`],
  ];
  for (const [name, before, after] of cases) {
    it(name, () => assert.equal(withFilterSetting(before, 'minSharpness', 45, 'lait.yaml'), after));
  }

  it('keeps every comment and every other setting of what lait init writes', () => {
    const before = commentedConfig();
    const after = withFilterSetting(before, 'minSharpness', 45, 'lait.yaml');
    const comments = (text: string): string[] =>
      text
        .split('\n')
        .filter((line) => line.includes('#'))
        .map((line) => line.trim());
    assert.deepEqual(comments(after), comments(before));
    const expected = parseConfig(before, 'lait.yaml');
    assert.deepEqual(parseConfig(after, 'lait.yaml'), {
      ...expected,
      filter: { ...expected.filter, minSharpness: 45 },
    });
    assert.equal(after.split('\n').length, before.split('\n').length + 1);
  });

  it('refuses a value that is none, and a file that is broken before it is touched', () => {
    assert.throws(() => withFilterSetting('', 'minPhoto', 2, 'lait.yaml'), { name: 'UserError', message: /minPhoto/ });
    assert.throws(() => withFilterSetting('filter: [', 'minPhoto', 0.5, 'lait.yaml'), { name: 'UserError' });
    assert.throws(() => withFilterSetting('filter: 3', 'minPhoto', 0.5, 'lait.yaml'), { name: 'UserError' });
  });

  it('leaves a file that only its owner may read so, behind the link that leads to it', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'lait-setting-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const [kept, corpus] = [join(folder, 'birds.yaml'), join(folder, 'birds')];
    mkdirSync(corpus);
    writeFileSync(kept, 'store: postgres://me:secret@host/birds\n');
    chmodSync(kept, 0o600);
    symlinkSync(kept, join(corpus, 'lait.yaml'));
    writeFilterSetting(corpus, 'minSharpness', 45);
    assert.ok(lstatSync(join(corpus, 'lait.yaml')).isSymbolicLink());
    assert.equal(statSync(kept).mode & 0o777, 0o600);
    assert.match(readFileSync(kept, 'utf8'), /secret@host\/birds\nfilter:\n {2}minSharpness: 45\n/);
  });

  it('knows which settings there are', () => {
    assert.deepEqual(['minSharpness', 'minDominance', 'maxUnsafe', '__proto__', 'constructor'].map(isFilterSetting), [
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});
