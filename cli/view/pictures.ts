/** Pictures of pairs from the raw store: small ones made anew, and the stored bytes where they are a format that browsers show. */
import type { Context } from 'hono';
import { withImage } from '../../dataset/image/open-image.ts';
import { type ImageFormat, sniffFormat } from '../../dataset/image/sniff.ts';
import { pictureOfPair } from '../../dataset/ledger/browse.ts';
import type { Ledger } from '../../dataset/ledger/ledger.ts';
import type { RawStore } from '../../dataset/ledger/raw-store.ts';

/** Longer side of a small picture, in pixels: twice what a cell of the grid shows, for dense screens. */
const smallPx = 360;

const contentTypes: Readonly<Record<ImageFormat, string>> = {
  jpg: 'image/jpeg',
  png: 'image/png',
  gif: 'image/gif',
  webp: 'image/webp',
  avif: 'image/avif',
};

/**
 * Answers with the picture of a pair: 404 where none is stored, 415 where its bytes are no picture. A browser asks again each time, so that
 * what was taken down is not shown from its cache.
 */
export async function sendPicture(
  context: Context,
  { ledger, raw }: { readonly ledger: Ledger; readonly raw: Pick<RawStore, 'read'> },
  id: string,
  size: 'small' | 'whole',
): Promise<Response> {
  const picture = pictureOfPair(ledger, id);
  if (picture === null) return context.text('No picture of this pair is stored.', 404);
  const tag = `"${picture.sha256}-${size}${picture.isResized ? '-resized' : ''}"`;
  context.header('etag', tag);
  context.header('cache-control', 'private, no-cache');
  if (context.req.header('if-none-match') === tag) return context.body(null, 304);
  const bytes = readStored(raw, picture);
  const format = bytes === null ? null : sniffFormat(bytes);
  context.header('cache-control', 'no-store');
  if (bytes === null) return context.text('The stored bytes of this picture are missing.', 404);
  if (format === null) return context.text('The stored bytes are no picture that is shown.', 415);
  const shown = size === 'whole' ? bytes : await smaller(bytes);
  if (shown === null) return context.text('The stored bytes do not decode.', 415);
  context.header('cache-control', 'private, no-cache');
  context.header('content-security-policy', "default-src 'none'; sandbox");
  context.header('content-type', size === 'whole' ? contentTypes[format] : contentTypes.webp);
  return context.body(new Uint8Array(shown));
}

function readStored(raw: Pick<RawStore, 'read'>, place: Parameters<RawStore['read']>[0]): Buffer | null {
  try {
    return raw.read(place);
  } catch {
    return null;
  }
}

/** A small WebP, on white as a page would show it; null where it does not decode. */
async function smaller(bytes: Buffer): Promise<Buffer | null> {
  try {
    return await withImage(bytes, { failOn: 'none' }, (image) =>
      image
        .rotate()
        .flatten({ background: '#ffffff' })
        .resize(smallPx, smallPx, { fit: 'inside', withoutEnlargement: true })
        .webp({ quality: 70 })
        .toBuffer(),
    );
  } catch {
    return null;
  }
}
