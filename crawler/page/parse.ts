/** HTML to a tree of elements. */
import type { Element } from 'domhandler';
import { DomHandler, Parser } from 'htmlparser2';
import { SkippingTokenizer } from './tokenizer.ts';

/** Open elements. Browsers stop nesting at 512, but close what here stays open, such as an inline element of an earlier paragraph. */
const maxDepth = 5000;

/** A tree that ends where it nests too deeply. */
class LimitedTree extends DomHandler {
  #parser: Parser | undefined;

  override onparserinit(parser: Parser): void {
    super.onparserinit(parser);
    this.#parser = parser;
  }

  override onopentag(name: string, attribs: Record<string, string>): void {
    super.onopentag(name, attribs);
    // The document itself is in the stack.
    if (this.tagStack.length > maxDepth) this.#parser?.pause();
  }
}

/**
 * The root of the page's tree, by htmlparser2, as in cheerio: three times as fast as parse5, and as forgiving. The page is cut off
 * where it nests 5,000 elements: the parser searches its stack of open elements for each tag, so a page that only opens elements
 * would take minutes. The parser itself counts, since what is a tag to it no other reader can tell.
 */
export function parseHtml(html: string): Element {
  const tree = new LimitedTree();
  new Parser(tree, { xmlMode: false, decodeEntities: true, Tokenizer: SkippingTokenizer }).end(html);
  return tree.root as unknown as Element;
}
