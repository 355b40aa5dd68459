/**
 * The charset that a page's bytes declare. The prescan of WHATWG HTML §13.2.3.2 looks at 1,024 bytes and knows no scripts;
 * browsers go on to the end of the head and do not look into scripts, styles and titles. This does as Chromium's
 * HTMLMetaCharsetParser does, with the standard's tokenizer by parse5.
 */
import { labelToName } from '@exodus/bytes/encoding.js';
import { Token, Tokenizer, TokenizerMode } from 'parse5';

/** Bytes that are read even where the head has ended. */
const minBytes = 1024;

/** Ours: the longest head of a browser-made page archive (styles and fonts inline) is some hundred kilobytes long. */
const maxBytes = 1_000_000;

/** Elements that may stand in a head, as Chromium counts them; any other one ends it. */
const headElements = new Set(['script', 'noscript', 'style', 'link', 'meta', 'object', 'title', 'base']);

/** How the text inside an element is read, where it is no HTML. */
const rawText: ReadonlyMap<string, (typeof TokenizerMode)[keyof typeof TokenizerMode]> = new Map([
  ['title', TokenizerMode.RCDATA],
  ['textarea', TokenizerMode.RCDATA],
  ['style', TokenizerMode.RAWTEXT],
  ['noframes', TokenizerMode.RAWTEXT],
  ['xmp', TokenizerMode.RAWTEXT],
  ['iframe', TokenizerMode.RAWTEXT],
  ['script', TokenizerMode.SCRIPT_DATA],
  ['plaintext', TokenizerMode.PLAINTEXT],
]);

/** The label as it was written in a meta tag or, before all tags, in an XML declaration; undefined when there is none. */
export function declaredCharset(bytes: Buffer): string | undefined {
  const text = bytes.toString('latin1', 0, maxBytes);
  const xml = /^<\?xml[^>]*?\sencoding\s*=\s*(?:"([^">]*)"|'([^'>]*)')/.exec(text);
  const xmlLabel = known(xml?.[1] ?? xml?.[2]);
  if (xmlLabel !== undefined) return xmlLabel;
  if (!/charset/i.test(text)) return undefined;
  let label: string | undefined;
  let inHead = true;
  const seen = (name: string, isEnd: boolean, token: Token.TagToken): void => {
    if (!headElements.has(name) && (isEnd || (name !== 'html' && name !== 'head'))) inHead = false;
    if (label !== undefined || (!inHead && token.location!.endOffset >= minBytes)) tokenizer.pause();
  };
  const ignore = (): void => {};
  const tokenizer: Tokenizer = new Tokenizer(
    { sourceCodeLocationInfo: true },
    {
      onStartTag(token) {
        if (token.tagName === 'meta') label = known(metaCharset(token));
        tokenizer.state = rawText.get(token.tagName) ?? tokenizer.state;
        seen(token.tagName, false, token);
      },
      onEndTag: (token) => seen(token.tagName, true, token),
      onComment: ignore,
      onDoctype: ignore,
      onEof: ignore,
      onCharacter: ignore,
      onNullCharacter: ignore,
      onWhitespaceCharacter: ignore,
    },
  );
  tokenizer.write(text, true);
  return label;
}

/** The label, when it is one of the Encoding Standard's: what is none counts for nothing. */
const known = (label: string | undefined): string | undefined =>
  label !== undefined && labelToName(label) !== null ? label : undefined;

/** WHATWG HTML §13.2.3.2: `charset`, or `content` with `http-equiv=content-type`. */
function metaCharset(token: Token.TagToken): string | undefined {
  const charset = Token.getTokenAttr(token, 'charset');
  if (charset !== null) return charset;
  if (Token.getTokenAttr(token, 'http-equiv')?.toLowerCase() !== 'content-type') return undefined;
  const found = /charset\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s;"']+))/i.exec(Token.getTokenAttr(token, 'content') ?? '');
  return found?.[1] ?? found?.[2] ?? found?.[3];
}
