/**
 * What the browser gets instead of files that a crawl does not need for reading a page: an empty style sheet, a picture of the
 * declared size, a font without letters, a moment of silence. They load, since a file that fails changes the page: `onerror`
 * handlers replace pictures, and Vite's builds do not start without their style sheets.
 */

export interface StandIn {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

/** A side of a picture in CSS pixels; null where the page does not say. */
export interface DeclaredSize {
  readonly width: number | null;
  readonly height: number | null;
}

/** Ours: too large to pass for a spacer, too small to make a page of undeclared pictures endless. */
const defaultWidthPx = 640;
const defaultHeightPx = 480;
/** Ours: no screen is wider, and an SVG of any size costs the same. */
const maxSidePx = 10_000;

/** WOFF2 with `.notdef` and a space, the least that Chromium takes for a font; made with fontTools' FontBuilder. */
const font = Buffer.from(
  'd09GMgABAAAAAADsAAoAAAAAAjwAAAClAAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAABmAANAoUNAE2AiQDBgsGAAQgBTwHIBujAfgvCmxjaPipdTFW' +
    'hojHJ6Zh/y3i4y82b3eDKLn8C6VxBAElgXgC5V1cDpRBNk+QlLFEiPnK/3AcNziOKJfAUgkUIg1hEBg24LAkGl/U2bODIQNcfSyrl6IFCo1NCzZj' +
    'YYxg/XWWBUCBQdAYwIDQyVkAQXg+bq9P/OgPvHMeEEErEHr9Izv5igAAkh0EpQUUAADGRUAEASWiZY6i1FEx92QiAAA=',
  'base64',
);

/** A tenth of a second of silence: PCM, mono, 8 bits, 8 kHz. Audio and video elements play it. */
const silence = ((): Buffer => {
  const samples = Buffer.alloc(800, 0x80);
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + samples.length, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(8000, 24);
  header.writeUInt32LE(8000, 28);
  header.writeUInt16LE(1, 32);
  header.writeUInt16LE(8, 34);
  header.write('data', 36);
  header.writeUInt32LE(samples.length, 40);
  return Buffer.concat([header, samples]);
})();

/** The stand-in for a kind of request, Playwright's `resourceType`; null for what is to be fetched. `origin` is the header of a CORS request. */
export function standInFor(kind: string, url: string, size: DeclaredSize | null, origin?: string): StandIn | null {
  const as = (type: string, body: string | Buffer, status = 200): StandIn => ({
    status,
    headers: {
      'content-type': type,
      'access-control-allow-origin': origin ?? '*',
      ...(origin === undefined ? {} : { 'access-control-allow-credentials': 'true' }),
      'timing-allow-origin': '*',
    },
    body,
  });
  switch (kind) {
    case 'stylesheet':
      return as('text/css', '');
    case 'image':
      return as('image/svg+xml', pictureOf(size ?? { width: null, height: null }, url));
    case 'font':
      return as('font/woff2', font);
    case 'media':
      return as('audio/wav', silence);
    case 'texttrack':
      return as('text/vtt', 'WEBVTT\n');
    case 'manifest':
      return as('application/manifest+json', '{}');
    // Counters and reports; an EventSource that gets 204 does not ask again (HTML §9.2.3).
    case 'ping':
    case 'cspviolationreport':
    case 'eventsource':
      return as('text/plain', '', 204);
    default:
      return null;
  }
}

/** A grey picture as SVG, which has a natural size and costs nothing to decode. */
function pictureOf(declared: DeclaredSize, url: string): string {
  const { width, height } = declared.width || declared.height ? declared : sizeInUrl(url);
  const ratio = defaultHeightPx / defaultWidthPx;
  const wide = width || Math.round((height || defaultHeightPx) / ratio);
  const high = height || Math.round(wide * ratio);
  const [w, h] = [Math.min(wide, maxSidePx), Math.min(high, maxSidePx)];
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}"><rect width="100%" height="100%" fill="#888"/></svg>`;
}

/** `photo-800x600.jpg`, `?w=800&h=600`: the size that image services and WordPress write into the URL. */
function sizeInUrl(url: string): DeclaredSize {
  const { pathname, searchParams } = new URL(url);
  const named = /[-_/](\d{2,4})x(\d{2,4})(?=[-_./]|$)/.exec(pathname.slice(-300));
  if (named) return { width: Number(named[1]), height: Number(named[2]) };
  const side = (...names: string[]): number | null => {
    const value = names.map((name) => searchParams.get(name)).find((text) => text !== null && /^\d{2,4}$/.test(text));
    return value ? Number(value) : null;
  };
  return { width: side('w', 'width'), height: side('h', 'height') };
}
