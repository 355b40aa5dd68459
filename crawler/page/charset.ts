/**
 * Bytes to text as a browser does it (WHATWG HTML §13.2.3): byte order mark, then the Content-Type header, then a meta
 * tag in the first 1,024 bytes, else UTF-8 when the bytes are that, else windows-1252.
 */
import { isUtf8 } from 'node:buffer';

/** Decodes a page. An unknown or wrong charset never fails: bytes that it cannot decode become U+FFFD. */
export function decodeText(bytes: Buffer, contentType: string | undefined): string {
  const label = charsetOf(bytes, contentType);
  if (label === 'utf-8') return bytes.toString('utf8', hasUtf8Mark(bytes) ? 3 : 0);
  return new TextDecoder(label).decode(bytes);
}

/** The canonical label of the encoding. */
export function charsetOf(bytes: Buffer, contentType: string | undefined): string {
  if (hasUtf8Mark(bytes)) return 'utf-8';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  const header = /charset\s*=\s*["']?([^\s"';,]+)/i.exec(contentType ?? '')?.[1];
  const named = canonical(header);
  if (named) return named;
  const start = bytes.toString('latin1', 0, 1024);
  const meta = /<meta[^>]+charset\s*=\s*["']?\s*([^\s"'/>;]+)/i.exec(start)?.[1];
  const declared = canonical(meta ?? /<\?xml[^>]+encoding\s*=\s*["']([^"']+)/i.exec(start)?.[1]);
  // If the meta tag can be read as single bytes, the page is not UTF-16, whatever the tag says.
  if (declared) return declared.startsWith('utf-16') ? 'utf-8' : declared;
  return isUtf8(bytes) ? 'utf-8' : 'windows-1252';
}

const hasUtf8Mark = (bytes: Buffer): boolean => bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;

function canonical(label: string | undefined): string | null {
  if (!label) return null;
  try {
    return new TextDecoder(label).encoding;
  } catch {
    return null;
  }
}
