import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { UserError } from '../../../dataset/user-error.ts';
import { shardSource } from '../../../model/data/source.ts';
import {
  readTokenizer,
  specialPieces,
  tokenizerOf,
  tokenizerOfModel,
  vocabularyText,
} from '../../../model/data/tokenizer.ts';

const folder = mkdtempSync(join(tmpdir(), 'lait-tokenizer-'));
after(() => rmSync(folder, { recursive: true }));

const pieces = [...specialPieces, 'a', 'cat', '##s', 'cafe', '!', '日', '本', 'run', '##ning'];
const tokenizer = tokenizerOf(pieces);
const encode = (text: string, maxPieces?: number) => tokenizer.encode(text, maxPieces).map((id) => pieces[id]);

test('WordPiece, uncased', () => {
  const table: [string, string[]][] = [
    ['A cat', ['a', 'cat']],
    ['cats running!', ['cat', '##s', 'run', '##ning', '!']],
    ['CAFÉ', ['cafe']],
    ['日本', ['日', '本']],
    ['dog', ['[UNK]']],
    ['', []],
    [' \n\t\u0000', []],
    ['a [MASK] cat', ['a', '[UNK]', 'cat']],
    ['a'.repeat(101), ['[UNK]']],
  ];
  for (const [text, expected] of table) assert.deepEqual(encode(text), expected, text);
});

test('a long text is cut, however its spaces lie', () => {
  assert.deepEqual(encode('cats '.repeat(10_000), 3), ['cat', '##s', 'cat']);
  assert.deepEqual(encode(`cat${' '.repeat(100_000)}a`, 2), ['cat', 'a']);
  assert.equal(encode('日'.repeat(100_000), 41).length, 41);
  assert.equal(encode('🙂'.repeat(1000), 1).length, 1);
});

test('pieces become text again', () => {
  assert.equal(tokenizer.decode(tokenizer.encode('Cats running!')), 'cats running!');
  assert.equal(tokenizer.decode([tokenizer.clsId, 6, tokenizer.sepId]), 'cat');
});

test('a vocabulary is read from its file, its folder and tokenizer.json', () => {
  writeFileSync(join(folder, 'vocab.txt'), vocabularyText(tokenizer));
  const read = [readTokenizer(join(folder, 'vocab.txt')), readTokenizer(folder)];
  for (const one of read) {
    assert.deepEqual(one.vocabulary, pieces);
    assert.deepEqual(one.encode('cats'), [6, 7]);
  }
  const json = {
    added_tokens: [],
    normalizer: { type: 'BertNormalizer', lowercase: true },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: null,
    decoder: { type: 'WordPiece' },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
    },
  };
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(json));
  assert.deepEqual(readTokenizer(folder).encode('cats'), [6, 7]);
});

test('a vocabulary with capitals keeps case and accents', () => {
  const cased = tokenizerOf([...specialPieces, 'Cat', 'cat', '##s', 'café', 'cafe', '[unused1]']);
  assert.deepEqual(cased.encode('Cats cats café'), [5, 7, 6, 7, 8]);
  const uncased = tokenizerOf([...specialPieces, 'cat', '##s', 'cafe', '[Unused]']);
  assert.deepEqual(uncased.encode('Cats CATS Café'), [5, 6, 5, 6, 7]);
});

test('what is no vocabulary of a BERT is refused', () => {
  writeFileSync(join(folder, 'other.json'), JSON.stringify({ model: { type: 'BPE' } }));
  writeFileSync(join(folder, 'cut.json'), '{');
  writeFileSync(join(folder, 'short.txt'), '[PAD]\n[UNK]\n[CLS]\n[SEP]\n');
  const table: [string, RegExp][] = [
    [
      'other.json',
      /^Expected a WordPiece tokenizer for .*other.json but received the model BPE; take tokenizer.json of a BERT\.$/,
    ],
    ['cut.json', /^Expected a WordPiece tokenizer for .*cut.json but received .*JSON/],
    ['short.txt', /^Expected the piece \[MASK\] for .*short.txt but received 4 pieces without it; /],
    ['nowhere', /^Expected tokenizer.json, vocab.txt or their folder for the tokenizer but received .*nowhere; /],
  ];
  for (const [name, message] of table) {
    assert.throws(
      () => readTokenizer(join(folder, name)),
      (error) => error instanceof UserError && message.test(error.message),
    );
  }
});

test('a model reads texts as its tokenizer.json does, whatever its pieces would say', () => {
  // Cased, with accents, though no piece has a capital: of its pieces alone a BERT without case would be made.
  const vocabulary = [...specialPieces, 'wren', 'é', 'e'];
  const json = {
    version: '1.0',
    added_tokens: [],
    normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: false, lowercase: false },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: null,
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: { type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', max_input_chars_per_word: 100, vocab: Object.fromEntries(vocabulary.map((piece, id) => [piece, id])) },
  }; // biome-ignore format: as the file has it
  const path = join(folder, 'cased.json');
  writeFileSync(path, JSON.stringify(json));
  const read = readTokenizer(path);
  const text = 'Wren wren é';
  assert.deepEqual(read.encode(text), [1, 5, 6]);
  assert.deepEqual(tokenizerOf(vocabulary).encode(text), [5, 5, 7]);
  assert.deepEqual(tokenizerOfModel({ vocabulary, tokenizer: read.definition }).encode(text), [1, 5, 6]);
  // A worker thread gets it as plain data.
  const { spec } = shardSource({ shards: folder, regions: folder, tokenizer: read, maxPieces: 9, maxRegions: 9 }, 1);
  assert.ok(spec?.kind === 'shards');
  assert.deepEqual(tokenizerOfModel(structuredClone(spec)).encode(text), [1, 5, 6]);
});
