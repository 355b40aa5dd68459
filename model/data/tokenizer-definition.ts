/** What a `tokenizer.json` must be before anything reads it: anybody may have written it, and the library that runs it checks little. */
import { z } from 'zod';
import { expected } from '../../dataset/user-error.ts';

/** What a `tokenizer.json` holds. */
export type TokenizerDefinition = Readonly<Record<string, unknown>>;

/** Ours: far above any that we know. */
const maxPieceLetters = 1000;
/** Ours: each is searched for in every text; BERT has 5, CLIP 2. */
const maxAddedPieces = 20_000;
/** Ours: BERT's is 100, and a word costs the square of its letters. */
const maxWordLetters = 1000;

const piece = z.string().min(1).max(maxPieceLetters);
const part = z.looseObject({ type: z.string() }).nullish();
const flag = z.boolean().optional();

const definition = z.looseObject({
  added_tokens: z
    .array(
      z.looseObject({
        ...{ id: z.int().min(0), content: piece },
        ...{ special: flag, single_word: flag, lstrip: flag, rstrip: flag, normalized: flag },
      }),
    )
    .max(maxAddedPieces)
    .default([]),
  ...{ normalizer: part, pre_tokenizer: part, post_processor: part, decoder: part },
  model: z.looseObject({
    type: z.string().optional(),
    unk_token: piece.nullish(),
    continuing_subword_prefix: z.string().max(maxPieceLetters).nullish(),
    end_of_word_suffix: z.string().max(maxPieceLetters).nullish(),
    max_input_chars_per_word: z.int().min(1).max(maxWordLetters).optional(),
  }),
});

/** Of a WordPiece model: pieces for what is unknown and for what goes on in a word. */
const wordPiece = z.looseObject({
  unk_token: piece,
  continuing_subword_prefix: z.string(),
  vocab: z.record(z.string(), z.unknown()),
});

/** The definition that JSON holds. Throws a UserError that names it by `name` for anything else. */
export function checkDefinition(json: unknown, name: string): TokenizerDefinition {
  const read = definition.safeParse(json);
  if (!read.success) throw fault(name, read.error);
  const { model } = read.data;
  if (model.type === 'WordPiece') {
    const found = wordPiece.safeParse(model);
    if (!found.success) throw fault(name, found.error, 'model');
  }
  const long = piecesOf(model.vocab).find((one) => one.length > maxPieceLetters);
  if (long !== undefined) {
    const received = `one of ${long.length}`;
    throw expected(`pieces of at most ${maxPieceLetters} letters`, name, received, 'take another tokenizer');
  }
  return read.data;
}

/** What an error of the library, or of the language, says to who gave the file: the language's own words say nothing. */
export function wordsOf(error: Error): string {
  return ['TypeError', 'RangeError', 'ReferenceError'].includes(error.name) ? 'one with a fault' : error.message;
}

function fault(name: string, error: z.ZodError, ...outer: readonly string[]) {
  const { path, message } = error.issues[0]!;
  const place = [...outer, ...path].join('.');
  const received = `${place === '' ? 'the whole' : place}: ${message}`;
  return expected('a tokenizer.json', name, received, 'take one of a Hugging Face model');
}

/** The pieces of a vocabulary, which is a table of them, or a list with a score each. */
const piecesOf = (vocab: unknown): string[] =>
  Array.isArray(vocab)
    ? vocab.flatMap((one: unknown) => (Array.isArray(one) && typeof one[0] === 'string' ? [one[0]] : []))
    : Object.keys(vocab ?? {});
