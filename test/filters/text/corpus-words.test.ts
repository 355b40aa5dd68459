import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Ledger } from '../../../dataset/ledger/ledger.ts';
import { corpusWords, vocabularyWords } from '../../../filters/text/corpus-words.ts';
import { englishWords } from '../../../filters/text/english-words.ts';

describe('corpusWords', () => {
  let folder: string;
  let ledger: Ledger;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'lait-words-'));
    ledger = Ledger.open(folder);
    const images = ['red boat', 'Red sail-boat', 'red boat'].map((text, at) => ({
      url: `http://site.test/${at}.jpg`,
      texts: [{ source: 'alt' as const, text }],
    }));
    ledger.recordPage({ url: 'http://site.test/', status: 'fetched', fetchedAtMs: 1 }, images);
  });
  after(() => {
    ledger.close();
    rmSync(folder, { recursive: true });
  });

  it('knows the vocabulary, numbers, and what different texts say often', () => {
    const vocabulary = vocabularyWords(['[PAD]', 'harbour', '##sail']);
    const known = corpusWords(ledger, { vocabulary, minCount: 2 });
    assert.deepEqual(
      ['red', 'boat', 'sail', 'harbour', '1880', 'xyzzy'].map((word) => known.knows(word)),
      [true, true, false, true, true, false],
    );
    assert.equal(corpusWords(ledger, { vocabulary, minCount: 3 }).knows('red'), false);
  });
  it('does not count texts that are not on the web any more', () => {
    const vocabulary = vocabularyWords(['harbour']);
    const knowsRed = () => corpusWords(ledger, { vocabulary, minCount: 2 }).knows('red');
    for (const [go, back] of [
      ["UPDATE pairs SET gone = 'page-gone' WHERE text = 'Red sail-boat'", 'UPDATE pairs SET gone = NULL'],
      [
        "UPDATE images SET reason = 'gone' WHERE id IN (SELECT image_id FROM pairs WHERE text = 'Red sail-boat')",
        'UPDATE images SET reason = NULL',
      ],
    ] as const) {
      ledger.db.exec(go);
      assert.equal(knowsRed(), false);
      ledger.db.exec(back);
      assert.equal(knowsRed(), true);
    }
  });
  it('is remembered by its vocabulary and count, so that a longer crawl re-judges nothing', () => {
    const known = corpusWords(ledger, { vocabulary: vocabularyWords(['harbour']), minCount: 2 });
    assert.match(known.source, /^1 word pieces, sha256 [0-9a-f]{16}; words found 2 times$/);
    assert.notEqual(known.source, corpusWords(ledger, { vocabulary: vocabularyWords(['boat']), minCount: 2 }).source);
  });
});

describe('englishWords', () => {
  const { knows } = englishWords();
  for (const [word, known] of [
    ['boat', true],
    ['boats', true],
    ['children', true],
    ['running', true],
    ['their', true],
    ['colour', true],
    ['constructor', true],
    ['barco', false],
    ['xyzzy', false],
    ['tostring', false],
    ['__proto__', false],
    ['', false],
  ] as const) {
    it(`${JSON.stringify(word)} → ${known}`, () => assert.equal(knows(word), known));
  }
});
