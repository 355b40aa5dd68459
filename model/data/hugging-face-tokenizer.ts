/**
 * A Hugging Face `tokenizer.json` by @huggingface/tokenizers. Anybody may have written it, and its normalizers and pre-tokenizers
 * may hold any pattern: one that is exponential in a text of the web would never end. So all that it computes has a deadline, and
 * texts that such patterns do not like are tried before any work.
 */
import { Tokenizer } from '@huggingface/tokenizers';
import { DeadlinePassed, withCpuDeadline } from '../../dataset/deadline.ts';
import { expected } from '../../dataset/user-error.ts';
import { checkDefinition, type TokenizerDefinition, wordsOf } from './tokenizer-definition.ts';

export interface HuggingFaceTokenizer {
  /** Pieces of a text are those of its words, which spaces part, one after the other; and no word takes much longer than it is long. */
  readonly splitsAtSpaces: boolean;
  /** Ids of a text's pieces. Throws a UserError where the tokenizer fails, or does not come to an end. */
  encode(text: string, options?: { readonly addSpecialTokens?: boolean }): number[];
  /** The text of pieces, without special ones. Throws as `encode` does. */
  decode(ids: readonly number[]): string;
  idOf(piece: string): number | undefined;
}

/** BERT's, and what takes linear time without a pattern from the file. */
const plainTypes = new Set([
  'Sequence',
  'BertNormalizer',
  'Lowercase',
  'NFC',
  'NFD',
  'NFKC',
  'NFKD',
  'StripAccents',
  'BertPreTokenizer',
  'Whitespace',
  'WhitespaceSplit',
  'WordPiece',
]);

/** Of those, who part a text at every space. */
const splitters = new Set(['BertPreTokenizer', 'Whitespace', 'WhitespaceSplit']);

/** Ours: a vocabulary of 250,000 pieces opens in a second. */
const maxOpenMs = 30_000;
/** Ours: of one text; texts of 10,000 letters take a tenth of a second. */
const maxTextMs = 2000;

/** What patterns are slow with: many of a kind that something else follows. */
const probes = ['a', 'A', '0', ' ', '!', '-', "'", 'é', 'ab ', 'a1', '\n'].map(
  (piece) => `${piece.repeat(500)}\u0001!`,
);

/**
 * Opens a definition with the model's `tokenizer_config.json`. Throws a UserError that names it by `name` for a wrong one, and for one
 * that does not come to an end.
 */
export function openHuggingFaceTokenizer(json: unknown, config: object, name: string): HuggingFaceTokenizer {
  const definition = checkDefinition(json, name);
  const isPlain = typesIn([definition.normalizer, definition.pre_tokenizer]).every((type) => plainTypes.has(type));
  const splitsAtSpaces =
    isPlain &&
    typesIn(definition.pre_tokenizer).some((type) => splitters.has(type)) &&
    addedPieces(definition).every((piece) => !/\s/.test(piece));

  const within = <T>(work: () => T, timeoutMs: number, what: string): T => {
    try {
      return isPlain ? work() : withCpuDeadline(work, timeoutMs);
    } catch (error) {
      const received = error instanceof DeadlinePassed ? `none in ${timeoutMs / 1000} s` : wordsOf(error as Error);
      throw expected(what, name, received, 'take another tokenizer.json, or the pattern that is at fault out of it');
    }
  };

  const library = within(() => new Tokenizer(definition, config), maxOpenMs, 'a tokenizer that opens');
  const encode: HuggingFaceTokenizer['encode'] = (text, { addSpecialTokens = false } = {}) =>
    within(
      () => library.encode(text, { add_special_tokens: addSpecialTokens }).ids,
      maxTextMs,
      `pieces of the text ${JSON.stringify(text.slice(0, 30))}`,
    );
  if (!isPlain) for (const probe of probes) encode(probe);
  return {
    splitsAtSpaces,
    encode,
    decode: (ids) =>
      within(() => library.decode([...ids], { skip_special_tokens: true }), maxTextMs, 'a text of pieces'),
    idOf: (piece) => library.token_to_id(piece),
  };
}

/** Pieces that are found in a text before it is split. */
const addedPieces = ({ added_tokens: added }: TokenizerDefinition): string[] =>
  (Array.isArray(added) ? added : []).map((one) => String((one as { content?: unknown } | null)?.content));

/** Every `type` in normalizers and pre-tokenizers. */
function typesIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(typesIn);
  if (typeof value !== 'object' || value === null) return [];
  const { type, normalizers, pretokenizers } = value as Readonly<Record<string, unknown>>;
  return [...(type === undefined ? [] : [String(type)]), ...typesIn(normalizers), ...typesIn(pretokenizers)];
}
