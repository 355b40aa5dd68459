import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it, test } from 'node:test';
import { UserError } from '../../../dataset/user-error.ts';
import { openHuggingFaceTokenizer } from '../../../model/data/hugging-face-tokenizer.ts';
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

const definitionOf = (vocabulary: readonly string[], changes: object) => ({
  version: '1.0',
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: { type: 'BertPreTokenizer' },
  post_processor: null,
  decoder: { type: 'WordPiece' },
  model: {
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    vocab: Object.fromEntries(vocabulary.map((piece, id) => [piece, id])),
  },
  ...changes,
});

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

test('a word has the pieces that it has in its text, the second time too', () => {
  const vocabulary = [...pieces, 'σ', 'ς', 'ο', '##σ', '##ς', '##ο', 'e', '##e', 'ß', 's', '##ss', "'", '.', 'fi', '##i']; // biome-ignore format: one line
  // Marks behind a space, a sigma at the end, letters that become two, signs that vanish, signs that part words without a space.
  const texts = ['ΟΣ ΣΟΣ', 'e \u0301e', 'cafe\u0301 CAFÉ', "cat's cats. 'cats'", 'ﬁ ẞ ß', 'a\u200bcat a\u0000cat', 'a\u0085cat', '日cat本', '🙂 cat🙂', '\ud83d cat', '\ufeffcat \u3000a', 'a [MASK]cat', 'x'.repeat(40)]; // biome-ignore format: one line
  const settings = [{}, { normalizer: { type: 'NFKD' } }, { normalizer: { type: 'Sequence', normalizers: [{ type: 'NFC' }, { type: 'Lowercase' }, { type: 'StripAccents' }] } }, { normalizer: null, pre_tokenizer: { type: 'Whitespace' } }]; // biome-ignore format: one line
  for (const own of settings) {
    const definition = definitionOf(vocabulary, { normalizer: { type: 'BertNormalizer', lowercase: true }, ...own });
    const whole = openHuggingFaceTokenizer(definition, {}, 'whole');
    assert.ok(whole.splitsAtSpaces);
    const byWord = tokenizerOfModel({ vocabulary, tokenizer: definition });
    for (const text of [...texts, texts.join(' '), ...texts]) {
      const wanted = whole.encode(text).map((id) => (id === byWord.maskId ? byWord.unkId : id));
      assert.deepEqual(byWord.encode(text), wanted, `${JSON.stringify(own)} ${JSON.stringify(text)}`);
    }
  }
});

test('a text is read whole where its words alone would be read otherwise', () => {
  const added = [{ id: 6, content: 'a cat', special: false, single_word: false, lstrip: false, rstrip: false, normalized: false }]; // biome-ignore format: one line
  for (const [own, wanted] of [
    [{ added_tokens: added }, [6]],
    [{ pre_tokenizer: null }, [1]],
  ] as const) {
    const definition = definitionOf(pieces, own);
    assert.deepEqual(tokenizerOfModel({ vocabulary: pieces, tokenizer: definition }).encode('a cat'), wanted);
  }
});

test('vocab.txt is read as the tokenizer_config.json beside it says', () => {
  const own = join(folder, 'configured');
  mkdirSync(own);
  const vocabulary = [...specialPieces, 'camión', 'rojo', 'año'];
  const read = (config: object, ...words: readonly string[]) => {
    writeFileSync(join(own, 'vocab.txt'), [...specialPieces, ...words, ''].join('\n'));
    writeFileSync(join(own, 'tokenizer_config.json'), JSON.stringify(config));
    return readTokenizer(own);
  };
  const spanish = read({ do_lower_case: true, strip_accents: false }, 'camión', 'rojo', 'año');
  assert.deepEqual(spanish.encode('Camión rojo AÑO'), [5, 6, 7]);
  assert.deepEqual(tokenizerOfModel({ vocabulary, tokenizer: spanish.definition }).encode('Camión'), [5]);
  assert.deepEqual(read({ do_lower_case: false }, 'rojo').encode('Rojo rojo'), [1, 5]);
  assert.deepEqual(read({ tokenize_chinese_chars: false }, '日本').encode('日本'), [5]);
  assert.equal(read({ do_lower_case: true, tokenizer_class: 'BertTokenizer' }, 'rojo').definition, undefined);
  assert.throws(() => read({ tokenizer_class: 'BertJapaneseTokenizer' }, 'rojo'), { name: 'UserError', message: /^Expected tokenizer_class BertTokenizer for .*tokenizer_config.json but received BertJapaneseTokenizer; / }); // biome-ignore format: one line
  assert.throws(() => read({ word_tokenizer_type: 'mecab' }, 'rojo'), { name: 'UserError', message: /^Expected word_tokenizer_type basic / }); // biome-ignore format: one line
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
  writeFileSync(join(folder, 'nothing.json'), 'null');
  writeFileSync(join(folder, 'long.txt'), [...specialPieces, 'a'.repeat(2000)].join('\n'));
  for (const name of ['huge.json', 'huge.txt']) {
    writeFileSync(join(folder, name), '');
    truncateSync(join(folder, name), 5e9);
  }
  writeFileSync(join(folder, 'short.txt'), '[PAD]\n[UNK]\n[CLS]\n[SEP]\n');
  const table: [string, RegExp][] = [
    [
      'other.json',
      /^Expected a WordPiece tokenizer for .*other.json but received the model BPE; take tokenizer.json of a BERT\.$/,
    ],
    ['nothing.json', /^Expected a tokenizer\.json for .* but received the whole: [^\n]*; /],
    ['long.txt', /^Expected pieces of at most 1000 letters for .* but received one of 2000; /],
    ['huge.json', /^Expected a file of at most 64 MB for .*huge.json but received 5000 MB; /],
    ['huge.txt', /^Expected a file of at most 64 MB for .*huge.txt but received 5000 MB; /],
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

const split = (Regex: string) => ({ pre_tokenizer: { type: 'Split', pattern: { Regex }, behavior: 'Isolated' } });
const vocab = (changes: object) => ({
  model: { ...definitionOf(pieces, {}).model, vocab: { ...definitionOf(pieces, {}).model.vocab, ...changes } },
});

const model = (changes: object) => ({ model: { ...definitionOf(pieces, {}).model, ...changes } });
const wrong = (place: string) => new RegExp(`^Expected a tokenizer\\.json for .* but received ${place}: [^\n]*; `);

describe('a tokenizer.json of anybody', () => {
  const refused: Record<string, readonly [changes: object, message: RegExp]> = {
    'an exponential pattern': [
      split('^(?:[a-z]+-?)+$'),
      /^Expected pieces of the text "a+" for .* but received none in 2 s; take another tokenizer\.json, /,
    ],
    'an exponential pattern that is replaced': [
      { normalizer: { type: 'Replace', pattern: { Regex: '(?:(?:!)+)+$' }, content: '' } },
      /^Expected pieces of the text "!+" for .* but received none in 2 s; /,
    ],
    'parts of no length': [
      { pre_tokenizer: { type: 'FixedLength', length: 0 } },
      // A fast machine makes more of them in that time than an array holds.
      /^Expected pieces of the text .* but received (?:none in 2 s|one with a fault); /,
    ],
    'a text that doubles and doubles': [
      {
        normalizer: {
          type: 'Sequence',
          normalizers: Array(40).fill({ type: 'Replace', pattern: { String: 'a' }, content: 'aa' }),
        },
      },
      /^Expected pieces of the text "a+" for .* but received /,
    ],
    'a piece with a number far behind the others': [
      vocab({ far: 2 ** 31 }),
      /^Expected ids 0 to \d+, each once for .* but received none \d+; /,
    ],
    'two pieces with one number': [vocab({ twin: 3 }), /^Expected ids 0 to \d+, each once for /],
    'another word for the whole': [{ added_tokens: 7 }, wrong('added_tokens')],
    'an added piece without a text': [{ added_tokens: [{ id: 1 }] }, wrong(String.raw`added_tokens\.0\.content`)],
    'more added pieces than any': [
      { added_tokens: Array(100_000).fill({ id: 1, content: 'a' }) },
      wrong('added_tokens'),
    ],
    'an added piece beyond the others': [
      { added_tokens: [{ id: 99, content: 'a' }] },
      /^Expected added and unknown pieces among the \d+ for .* but received one with id 99; /,
    ],
    'a normalizer that is a number': [{ normalizer: 7 }, wrong('normalizer')],
    'a normalizer of nothing': [
      { normalizer: { type: 'Sequence', normalizers: 7 } },
      /^Expected a tokenizer that opens for .* but received one with a fault; /,
    ],
    'an unknown piece that is no text': [model({ unk_token: 7 }), wrong(String.raw`model\.unk_token`)],
    'an unknown piece that it has not': [model({ unk_token: 'x' }), /^Expected added .* but received none x; /],
    'no unknown piece': [model({ unk_token: undefined }), wrong(String.raw`model\.unk_token`)],
    'a prefix that is no text': [
      model({ continuing_subword_prefix: null }),
      wrong(String.raw`model\.continuing_subword_prefix`),
    ],
    'words of no length': [
      model({ max_input_chars_per_word: 'x' }),
      wrong(String.raw`model\.max_input_chars_per_word`),
    ],
    'words of any length': [
      model({ max_input_chars_per_word: 1e9 }),
      wrong(String.raw`model\.max_input_chars_per_word`),
    ],
    'a vocabulary that is a number': [model({ vocab: 7 }), wrong(String.raw`model\.vocab`)],
    'a piece of 10 MB': [
      vocab({ ['a'.repeat(1e7)]: 13 }),
      /^Expected pieces of at most 1000 letters for .* but received one of 10000000; /,
    ],
    'a piece with no number': [vocab({ none: 'x' }), /^Expected ids 0 to \d+, each once for /],
  };
  for (const [name, [changes, message]] of Object.entries(refused)) {
    it(`with ${name} is refused when it is read`, () => {
      const path = join(folder, 'hostile.json');
      writeFileSync(path, JSON.stringify(definitionOf(pieces, changes)));
      assert.throws(
        () => readTokenizer(path),
        (error) => error instanceof UserError && message.test(error.message),
      );
    });
  }

  it('with a pattern that is slow with one text alone is ended there', () => {
    const path = join(folder, 'rare.json');
    writeFileSync(path, JSON.stringify(definitionOf(pieces, split('^(?:(?:x)+)+y'))));
    const read = readTokenizer(path);
    assert.deepEqual(read.encode('cat'), [6]);
    assert.throws(
      () => read.encode('x'.repeat(60)),
      (error) => error instanceof UserError && /received none in 2 s/.test(error.message),
    );
    assert.deepEqual(read.encode('cat'), [6]);
  });

  it('with the patterns of GPT-2, CLIP and Llama 3 is read', () => {
    for (const pattern of [
      String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
      String.raw`<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`,
      String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
    ]) {
      const path = join(folder, 'known.json');
      writeFileSync(path, JSON.stringify(definitionOf(pieces, split(pattern))));
      assert.deepEqual(readTokenizer(path).encode('cats'), [6, 7]);
    }
  });
});

test('a text is read part by part to the same pieces, and no further than they are kept', () => {
  const letters = tokenizerOf([...specialPieces, 'a', '##a', 'ab', '##b', '!']);
  for (const text of [
    'a! ab  a',
    'ab '.repeat(50),
    `${'a'.repeat(40)} ${'ab'.repeat(30)} !! a`,
    'a!'.repeat(300),
    'b',
  ]) {
    const whole = letters.encode(text);
    for (const most of [1, 2, 5, 17, 400]) assert.deepEqual(letters.encode(text, most), whole.slice(0, most), text);
  }
  const cpuMs = (text: string) => {
    const started = process.cpuUsage();
    letters.encode(text, 64);
    const { user, system } = process.cpuUsage(started);
    return Math.max(1, (user + system) / 1000);
  };
  const leastOf = (text: string) => Math.min(...[1, 2, 3, 4].map(() => cpuMs(text)));
  const harmless = leastOf('a ab a! '.repeat(800));
  const hostile = leastOf(`${'a'.repeat(100)} `.repeat(64));
  assert.ok(hostile <= 40 * harmless, `${hostile} ms of ${harmless} ms`);
});
