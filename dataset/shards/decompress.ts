/**
 * Archives that are compressed as a whole: gzip (RFC 1952) and Zstandard (RFC 8878), known by their first bytes and not by their name.
 * Streams: of an archive of any size a few megabytes are in memory, and for Zstandard the window.
 */
import { PassThrough, pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { unzstd } from './zstd.ts';

const outBytes = 64 << 10;

/** The bytes of an archive as it was before it was compressed; others as they are. Rejects when they are cut or broken. */
export async function* decompressed(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const source = chunks[Symbol.asyncIterator]();
  let start: Buffer = Buffer.alloc(0);
  try {
    while (start.length < 4) {
      const next = await source.next();
      if (next.done) break;
      start = start.length === 0 ? next.value : Buffer.concat([start, next.value]);
    }
    const all = prepended(start, source);
    if (start[0] === 0x1f && start[1] === 0x8b) yield* gunzipped(all);
    else if (isZstd(start)) yield* unzstd(all);
    else yield* all;
  } finally {
    await source.return?.(undefined);
  }
}

async function* prepended(start: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  if (start.length > 0) yield start;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}

/** A frame, or a frame to be skipped, as `pzstd` begins with. */
function isZstd(start: Buffer): boolean {
  if (start.length < 4) return false;
  const magic = start.readUInt32LE(0);
  return magic === 0xfd2fb528 || (magic >= 0x184d2a50 && magic <= 0x184d2a5f);
}

/** Several members behind one another are one, as `pigz` and `cat` make them. */
async function* gunzipped(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const out = new PassThrough({ highWaterMark: outBytes });
  pipeline(Readable.from(chunks, { objectMode: true }), createGunzip({ chunkSize: outBytes }), out, () => {});
  for await (const chunk of out) yield chunk as Buffer;
}
