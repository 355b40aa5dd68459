/**
 * Text to word pieces and back, by @huggingface/tokenizers: from any Hugging Face `tokenizer.json`, from a BERT
 * `vocab.txt`, or from a vocabulary that `vocabulary.ts` learned. WordPiece, as public BERT (arXiv 1810.04805), whose cased
 * vocabularies are known by their capitals, so that pieces alone say how a run read its texts.
 */
import { isUtf8 } from 'node:buffer';
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Tokenizer as Library } from '@huggingface/tokenizers';
import { readBounded } from '../../dataset/bounded-file.ts';
import { expected, UserError } from '../../dataset/user-error.ts';
import type { SpecialPieces } from '../net/embeddings.ts';
import { type HuggingFaceTokenizer, openHuggingFaceTokenizer } from './hugging-face-tokenizer.ts';
import { checkDefinition, type TokenizerDefinition, wordsOf } from './tokenizer-definition.ts';

/** WordPiece with BERT's five special pieces. */
export interface Tokenizer extends SpecialPieces {
  /** What `tokenizer.json` held; undefined for one that its pieces make. */
  readonly definition?: TokenizerDefinition | undefined;
  readonly vocabulary: readonly string[];
  /** V */
  readonly size: number;
  readonly unkId: number;
  /** The word pieces of a text, without [CLS] and [SEP], at most `maxPieces`. */
  encode(text: string, maxPieces?: number): number[];
  /** The text of word pieces, without special pieces. */
  decode(pieces: readonly number[]): string;
}

/** In the order of BERT's own vocabulary. */
export const specialPieces = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'] as const;

/** The ids of BERT's special pieces. Throws a UserError for a vocabulary without one of them; `name` stands in it. */
export function specialPieceIds(
  vocabulary: readonly string[],
  name = 'the vocabulary',
): SpecialPieces & { readonly unkId: number } {
  const [padId, unkId, clsId, sepId, maskId] = specialPieces.map((piece) => {
    const id = vocabulary.indexOf(piece);
    if (id < 0)
      throw expected(`the piece ${piece}`, name, `${vocabulary.length} pieces without it`, 'take a BERT vocabulary');
    return id;
  }) as [number, number, number, number, number];
  return { padId, unkId, clsId, sepId, maskId };
}

/** WordPiece gives up on a longer word: it becomes [UNK] (BERT's max_input_chars_per_word). */
const maxWordLength = 100;

const advice = 'take tokenizer.json of a BERT';

/** Of a definition that was checked. */
interface Definition {
  readonly model: {
    readonly type?: string;
    readonly unk_token: string;
    readonly vocab: Readonly<Record<string, unknown>>;
  };
  readonly added_tokens: readonly { readonly id: number }[];
}

/**
 * Reads `tokenizer.json` or `vocab.txt`, or the one of them that lies in a folder. Throws a UserError where there is
 * none, or where the vocabulary lacks one of BERT's special pieces.
 */
export function readTokenizer(path: string): Tokenizer {
  if (!existsSync(path))
    throw expected('tokenizer.json, vocab.txt or their folder', 'the tokenizer', path, 'check the path');
  if (statSync(path).isDirectory()) {
    const found = ['tokenizer.json', 'vocab.txt'].map((name) => join(path, name)).find((one) => existsSync(one));
    if (!found) throw expected('tokenizer.json or vocab.txt', path, 'neither', 'give a folder of a Hugging Face model');
    return readTokenizer(found);
  }
  const bytes = readBounded(path);
  const text = bytes.toString('utf8');
  if (text.includes('\0') || !isUtf8(bytes)) {
    throw expected('tokenizer.json or vocab.txt', path, 'a file that is no text', 'take those of a BERT');
  }
  if (!path.endsWith('.json')) return tokenizerBeside(vocabularyLines(text), path);
  try {
    return definedTokenizer(JSON.parse(text), path);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw expected('a WordPiece tokenizer', path, wordsOf(error as Error), advice);
  }
}

/** A BERT's by `vocab.txt`, as the `tokenizer_config.json` beside it says: what pieces alone do not tell is kept as a definition. */
function tokenizerBeside(vocabulary: readonly string[], path: string): Tokenizer {
  const beside = join(dirname(path), 'tokenizer_config.json');
  if (!existsSync(beside)) return tokenizerOf(vocabulary, path);
  const config = configOf(beside);
  const isOther = (value: unknown, ...known: unknown[]) =>
    value !== undefined && value !== null && !known.includes(value);
  for (const [name, ...known] of [
    ['tokenizer_class', 'BertTokenizer', 'BertTokenizerFast'],
    ['word_tokenizer_type', 'basic'],
    ['subword_tokenizer_type', 'wordpiece'],
    ['do_basic_tokenize', true],
  ] as const)
    if (isOther(config[name], ...known))
      throw expected(`${name} ${known[0]}`, beside, config[name], 'take a BERT that splits its words so, or its tokenizer.json'); // biome-ignore format: one line
  const plain = bertDefinition(vocabulary);
  const normalizer = plain.normalizer as Readonly<Record<string, unknown>>;
  const flag = (name: string, otherwise: unknown) => (typeof config[name] === 'boolean' ? config[name] : otherwise);
  const own = {
    ...normalizer,
    handle_chinese_chars: flag('tokenize_chinese_chars', normalizer.handle_chinese_chars),
    strip_accents: flag('strip_accents', normalizer.strip_accents),
    lowercase: flag('do_lower_case', normalizer.lowercase),
  };
  if (JSON.stringify(own) === JSON.stringify(normalizer)) return tokenizerOf(vocabulary, path);
  return definedTokenizer({ ...plain, normalizer: own }, path);
}

function configOf(path: string): Readonly<Record<string, unknown>> {
  let json: unknown;
  try {
    json = JSON.parse(readBounded(path).toString('utf8'));
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw expected('JSON', path, wordsOf(error as Error), 'take that of the vocabulary, or none');
  }
  return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : {};
}

function definedTokenizer(json: unknown, name: string): Tokenizer {
  const { model, added_tokens: added } = checkDefinition(json, name) as unknown as Definition;
  if (model.type !== 'WordPiece') throw expected('a WordPiece tokenizer', name, `the model ${model.type}`, advice);
  const pieces = Object.entries(model.vocab);
  const vocabulary: string[] = [];
  for (const [piece, id] of pieces) if (isIndex(id, pieces.length)) vocabulary[id] = piece;
  const missing = Array.from(vocabulary).indexOf(undefined as never);
  if (vocabulary.length < pieces.length || missing >= 0) {
    throw expected(
      `ids 0 to ${pieces.length - 1}, each once`,
      name,
      `none ${missing < 0 ? vocabulary.length : missing}`,
      advice,
    );
  }
  const outside = added.find(({ id }) => id >= pieces.length);
  if (outside !== undefined || !Object.hasOwn(model.vocab, model.unk_token)) {
    const received = outside === undefined ? `none ${model.unk_token}` : `one with id ${outside.id}`;
    throw expected(`added and unknown pieces among the ${pieces.length}`, name, received, advice);
  }
  return {
    ...wrap(openHuggingFaceTokenizer(json, {}, name), vocabulary, name),
    definition: json as TokenizerDefinition,
  };
}

const isIndex = (id: unknown, length: number): id is number =>
  typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < length;

/** The tokenizer of a model as it was when the model learned: by its definition where it has one, else by its pieces. */
export function tokenizerOfModel({
  vocabulary,
  tokenizer,
}: {
  readonly vocabulary: readonly string[];
  readonly tokenizer?: TokenizerDefinition | undefined;
}): Tokenizer {
  return tokenizer ? definedTokenizer(tokenizer, 'the tokenizer of the model') : tokenizerOf(vocabulary);
}

function vocabularyLines(text: string): string[] {
  return text.replace(/\r?\n$/, '').split(/\r?\n/);
}

/** A tokenizer with these pieces; `name` stands in the UserError when a special piece is missing. */
export function tokenizerOf(vocabulary: readonly string[], name = 'the vocabulary'): Tokenizer {
  specialPieceIds(vocabulary, name);
  return wrap(openHuggingFaceTokenizer(bertDefinition(vocabulary), {}, name), vocabulary, name);
}

/** What `vocab.txt` holds. */
export function vocabularyText(tokenizer: Tokenizer): string {
  return tokenizer.vocabulary.map((piece) => `${piece}\n`).join('');
}

/** Splits a text into words as `encode` does: cleaned, in lower case, without accents, punctuation and Chinese apart. */
export function wordSplitter(): (text: string) => string[] {
  const { normalizer, pre_tokenizer: preTokenizer } = new Library(bertDefinition(specialPieces), {});
  if (!normalizer || !preTokenizer) throw new Error('The BERT tokenizer has no normalizer or no pre-tokenizer.');
  return (text) => preTokenizer.pre_tokenize(normalizer.normalize(text));
}

const isCased = (vocabulary: readonly string[]): boolean =>
  vocabulary.some((piece) => piece.toLowerCase() !== piece && !/^\[.*\]$/.test(piece));

/** BERT's normalizer, pre-tokenizer and WordPiece over a vocabulary. */
const bertDefinition = (vocabulary: readonly string[]): TokenizerDefinition => ({
  version: '1.0',
  added_tokens: specialPieces.map((content) => ({
    id: vocabulary.indexOf(content),
    content,
    special: true,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
  })),
  normalizer: {
    type: 'BertNormalizer',
    clean_text: true,
    handle_chinese_chars: true,
    strip_accents: null,
    lowercase: !isCased(vocabulary),
  },
  pre_tokenizer: { type: 'BertPreTokenizer' },
  post_processor: null,
  decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  model: {
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: maxWordLength,
    vocab: Object.fromEntries(vocabulary.map((piece, id) => [piece, id])),
  },
});

/** Words whose pieces are remembered, and letters of the longest of them: nearly all that a language uses, in some 6 MB. Ours. */
const remembered = { words: 2 ** 15, letters: 32 };

function wrap(library: HuggingFaceTokenizer, vocabulary: readonly string[], name: string): Tokenizer {
  const { padId, unkId, clsId, sepId, maskId } = specialPieceIds(vocabulary, name);
  const special = new Set([padId, clsId, sepId, maskId]);
  const known = new Map<string, readonly number[]>();
  const piecesOf = (part: string): readonly number[] => {
    const found = known.get(part);
    if (found) return found;
    // A text that spells a special piece does not get to place one.
    const pieces = library.encode(part).map((id) => (special.has(id) ? unkId : id));
    if (library.splitsAtSpaces && part.length <= remembered.letters) {
      if (known.size === remembered.words) known.clear();
      // A copy: a part of a text would keep the text.
      known.set(Buffer.from(part, 'utf16le').toString('utf16le'), pieces);
    }
    return pieces;
  };
  return {
    vocabulary,
    size: vocabulary.length,
    padId,
    unkId,
    clsId,
    sepId,
    maskId,
    encode(text, maxPieces = Number.POSITIVE_INFINITY) {
      // A piece covers at most one word, so nothing beyond this many characters can be kept.
      const enough = text.replace(/\s+/g, ' ').slice(0, maxPieces * (maxWordLength + 1));
      const pieces: number[] = [];
      for (const part of library.splitsAtSpaces ? enough.split(' ') : [enough]) {
        if (pieces.length >= maxPieces) break;
        for (const id of piecesOf(part)) pieces.push(id);
      }
      pieces.length = Math.min(pieces.length, maxPieces);
      return pieces;
    },
    decode: (pieces) => library.decode(pieces),
  };
}
