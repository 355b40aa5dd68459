/**
 * Text to word pieces and back, by @huggingface/tokenizers: from any Hugging Face `tokenizer.json`, from a BERT
 * `vocab.txt`, or from a vocabulary that `vocabulary.ts` learned. Uncased WordPiece, as public BERT (arXiv 1810.04805).
 */

/** WordPiece with BERT's five special pieces. */
export interface Tokenizer {
  readonly vocabulary: readonly string[];
  /** V */
  readonly size: number;
  readonly padId: number;
  readonly unkId: number;
  readonly clsId: number;
  readonly sepId: number;
  readonly maskId: number;
  /** The word pieces of a text, without [CLS] and [SEP], at most `maxPieces`. */
  encode(text: string, maxPieces?: number): number[];
  /** The text of word pieces, special pieces left out. */
  decode(pieces: readonly number[]): string;
}
