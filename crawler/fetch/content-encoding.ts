/**
 * Undoes Content-Encoding (RFC 9110 §8.4) as Chromium does. A coding that nobody knows, such as `none` or `UTF-8`, means that the
 * body is as it is; a gzip whose trailer is cut, wrong or followed by more is complete with its deflate stream; a stream that ends
 * early gives what is there.
 */
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { unzstd } from './zstd.ts';

type Undo = (bytes: Buffer, options: { readonly maxOutputLength: number }) => Promise<Buffer>;

const gunzip = promisify(zlib.gunzip);
const inflate = promisify(zlib.inflate);
const inflateRaw = promisify(zlib.inflateRaw);
const brotli = promisify(zlib.brotliDecompress);

/** Ends at the end of the input instead of failing there. */
const asFarAsItGoes = { finishFlush: zlib.constants.Z_SYNC_FLUSH };

const undo: Readonly<Record<string, Undo>> = {
  gzip: async (bytes, options) => {
    try {
      return await gunzip(bytes, options);
    } catch (error) {
      const start = isTooLarge(error) ? -1 : afterGzipHeader(bytes);
      if (start === -1) throw error;
      return inflateRaw(bytes.subarray(start), { ...options, ...asFarAsItGoes });
    }
  },
  // zlib by RFC 9110, and raw by some old servers.
  deflate: (bytes, options) =>
    (((bytes[0] ?? 0) & 0x0f) === 8 ? inflate : inflateRaw)(bytes, { ...options, ...asFarAsItGoes }),
  br: (bytes, options) => brotli(bytes, options),
  zstd: (bytes, { maxOutputLength }) => unzstd(bytes, maxOutputLength),
};
const aliases: ReadonlyMap<string, string> = new Map([
  ['x-gzip', 'gzip'],
  ['x-compress', 'compress'],
]);

/** Ours: no server compresses three times. */
const maxCodings = 3;

/** The codings that we can undo, for Accept-Encoding. */
export const acceptEncoding: string = Object.keys(undo).join(', ');

/**
 * The body as it was before encoding. Throws when it cannot be decoded, and with the code ERR_BUFFER_TOO_LARGE when it would be
 * longer than `maxBytes` at any step.
 */
export async function decodeBody(
  body: Buffer,
  encoding: string | string[] | undefined,
  maxBytes: number,
): Promise<Buffer> {
  if (encoding === undefined || body.length === 0) return body;
  const names = String(encoding)
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity')
    .map((name) => aliases.get(name) ?? name)
    .reverse();
  if (names.length > maxCodings) throw new Error('more than three codings');
  // RFC 9110 has `compress`: a body in it is not one that is "as it is".
  if (names.some((name) => !Object.hasOwn(undo, name) && !isRegistered(name))) return body;
  let bytes = body;
  for (const name of names) {
    const decode = Object.hasOwn(undo, name) ? undo[name] : undefined;
    if (decode === undefined) throw new Error(`no decoder for ${name}`);
    bytes = await decode(bytes, { maxOutputLength: maxBytes });
  }
  return bytes;
}

/** For Accept-Encoding of what `decodeStart` is to read. */
export const encodingsOfStart = 'gzip, deflate';

/**
 * At most `maxBytes` of the body as it was before encoding: of one that is longer, its start. Only of gzip and deflate, used once; other
 * codings are decoded as by `decodeBody`, and throw what that throws.
 */
export async function decodeStart(
  body: Buffer,
  encoding: string | string[] | undefined,
  maxBytes: number,
): Promise<Buffer> {
  const name = String(encoding ?? '')
    .trim()
    .toLowerCase();
  const coding = aliases.get(name) ?? name;
  if (coding !== 'gzip' && coding !== 'deflate') return decodeBody(body, encoding, maxBytes);
  try {
    return await decodeBody(body, encoding, maxBytes);
  } catch (error) {
    if (!isTooLarge(error)) throw error;
  }
  const isRaw = coding === 'deflate' && ((body[0] ?? 0) & 0x0f) !== 8;
  const stream = isRaw ? zlib.createInflateRaw(asFarAsItGoes) : zlib.createUnzip(asFarAsItGoes);
  stream.end(body);
  const pieces: Buffer[] = [];
  let byteLength = 0;
  for await (const piece of stream) {
    pieces.push(piece);
    byteLength += piece.length;
    // Leaving the loop destroys the stream.
    if (byteLength >= maxBytes) break;
  }
  return Buffer.concat(pieces).subarray(0, maxBytes);
}

/** Codings of the IANA registry that we do not undo. */
const isRegistered = (name: string): boolean =>
  ['compress', 'dcb', 'dcz', 'exi', 'pack200-gzip', 'aes128gcm'].includes(name);

const isTooLarge = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';

/** Where the deflate stream of a gzip file begins (RFC 1952 §2.3); -1 when the header is none. */
function afterGzipHeader(bytes: Buffer): number {
  if (bytes.length < 10 || bytes[0] !== 0x1f || bytes[1] !== 0x8b || bytes[2] !== 8) return -1;
  const flags = bytes[3]!;
  let at = 10;
  if (flags & 4) at += 2 + (at + 2 <= bytes.length ? bytes.readUInt16LE(at) : 0);
  for (const flag of [8, 16]) {
    if (!(flags & flag)) continue;
    const end = bytes.indexOf(0, at);
    if (end === -1) return -1;
    at = end + 1;
  }
  if (flags & 2) at += 2;
  return at < bytes.length ? at : -1;
}
