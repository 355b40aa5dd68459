/**
 * Bytes to text as a browser does it (WHATWG HTML §13.2.3): byte order mark, then the Content-Type header, then a meta tag or
 * XML declaration (declared-charset.ts), else UTF-8 when the bytes are that, else what they look like (detect-charset.ts). The
 * tables are those of the WHATWG Encoding Standard by @exodus/bytes: Node's own TextDecoder leaves ’ “ – € of windows-1252
 * undecoded in several Node lines and differs from Chromium in 14 of the 39 encodings of Node 20.
 */
import { isUtf8 } from 'node:buffer';
import { labelToName, TextDecoder } from '@exodus/bytes/encoding.js';
import { declaredCharset } from './declared-charset.ts';
import { detectCharset } from './detect-charset.ts';

/**
 * Decodes a page or sitemap. An unknown or wrong charset never fails: bytes that it cannot decode become U+FFFD. `host`, where
 * it is known, helps to guess: its top-level domain says something of the language.
 */
export function decodeText(bytes: Buffer, contentType: string | undefined, host?: string): string {
  const label = charsetOf(bytes, contentType, host);
  if (label === 'utf-8') return bytes.toString('utf8', hasUtf8Mark(bytes) ? 3 : 0);
  // Encodings that browsers refuse to read, since they hid scripts: such a page is one U+FFFD to them.
  if (label === 'replacement') return bytes.length > 0 ? '\ufffd' : '';
  return new TextDecoder(label).decode(bytes);
}

/** The canonical label of the encoding. */
export function charsetOf(bytes: Buffer, contentType: string | undefined, host?: string): string {
  if (hasUtf8Mark(bytes)) return 'utf-8';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  const header = /;\s*charset\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s;]+))/i.exec(contentType ?? '');
  return (
    canonical(header?.[1] ?? header?.[2] ?? header?.[3]) ??
    canonicalInPage(declaredCharset(bytes)) ??
    (isUtf8(bytes) ? 'utf-8' : detectCharset(bytes, host))
  );
}

const hasUtf8Mark = (bytes: Buffer): boolean => bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;

const canonical = (label: string | undefined): string | null =>
  label === undefined ? null : (labelToName(label)?.toLowerCase() ?? null);

/** A tag that can be read as single bytes is not in UTF-16, whatever it says (WHATWG HTML §13.2.3.3). */
function canonicalInPage(label: string | undefined): string | null {
  const name = canonical(label);
  if (name?.startsWith('utf-16')) return 'utf-8';
  return name === 'x-user-defined' ? 'windows-1252' : name;
}
