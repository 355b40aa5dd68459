/**
 * htmlparser2's tokenizer, which looks at each character by itself, made to skip to the next one that means something: in text and in
 * quoted values with one search of the engine. Half of the time of parsing a saved page. It reaches into the tokenizer of htmlparser2
 * 10, whose every other step it keeps; test/crawler/page/tokenizer.test.ts compares the two, event by event.
 */
import { Tokenizer } from 'htmlparser2';

/** What is used of the tokenizer's own state. */
interface Inside {
  readonly buffer: string;
  /** Of the buffer in the page. */
  readonly offset: number;
  /** Of the current character in the page. */
  index: number;
  /** Where in the buffer the mark that ends the text or value, and the next ampersand, stand; the buffer's length for none. */
  mark: string;
  markAt: number;
  ampersandAt: number;
  stateText(code: number): void;
  stateInAttributeValueDoubleQuotes(code: number): void;
  stateInAttributeValueSingleQuotes(code: number): void;
  fastForwardTo(code: number): boolean;
}

const ampersand = 38;

/** The place of a mark in a buffer, from `from` on; the buffer's length where there is none. */
function find(buffer: string, mark: string, from: number): number {
  const at = buffer.indexOf(mark, from);
  return at === -1 ? buffer.length : at;
}

/** Moves to just before the next mark or ampersand. What was found is kept, so that each character is searched once for each. */
function skip(tokenizer: Inside, mark: string): void {
  const { buffer, offset } = tokenizer;
  const from = tokenizer.index - offset + 1;
  if (tokenizer.mark !== mark || tokenizer.markAt < from) {
    tokenizer.mark = mark;
    tokenizer.markAt = find(buffer, mark, from);
  }
  if (tokenizer.ampersandAt < from) tokenizer.ampersandAt = find(buffer, '&', from);
  tokenizer.index = Math.min(tokenizer.markAt, tokenizer.ampersandAt) - 1 + offset;
}

const slow = Tokenizer.prototype as unknown as Inside;

/** Reads one page in one piece. */
export class SkippingTokenizer extends Tokenizer {
  readonly mark = '';
  readonly markAt = -1;
  readonly ampersandAt = -1;
}

const faster: Pick<
  Inside,
  'stateText' | 'stateInAttributeValueDoubleQuotes' | 'stateInAttributeValueSingleQuotes' | 'fastForwardTo'
> &
  ThisType<Inside> = {
  stateText(code) {
    if (code === 60 || code === ampersand) slow.stateText.call(this, code);
    else skip(this, '<');
  },
  stateInAttributeValueDoubleQuotes(code) {
    if (code === 34 || code === ampersand) slow.stateInAttributeValueDoubleQuotes.call(this, code);
    else skip(this, '"');
  },
  stateInAttributeValueSingleQuotes(code) {
    if (code === 39 || code === ampersand) slow.stateInAttributeValueSingleQuotes.call(this, code);
    else skip(this, "'");
  },
  fastForwardTo(code) {
    const { buffer, offset } = this;
    const at = find(buffer, String.fromCharCode(code), this.index - offset + 1);
    const isFound = at < buffer.length;
    // The tokenizer goes on to the next character by itself.
    this.index = (isFound ? at : buffer.length - 1) + offset;
    return isFound;
  },
};
Object.assign(SkippingTokenizer.prototype, faster);
