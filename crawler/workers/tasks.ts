/** What is read of bytes from the network, by name. Each is a pure function of what can be sent to a thread. */
import type { WrittenDominance } from '../../dataset/ledger/records.ts';
import { decodeText } from '../page/charset.ts';
import { extractPage, type Page, type PageImage } from '../page/extract.ts';
import { readSitemap } from '../page/sitemap.ts';
import type { ReferrerPolicy } from '../policy/referrer.ts';
import { parseTdmrep } from '../policy/rights.ts';
import { readRobots } from '../policy/robots.ts';
import { parseRsl } from '../policy/rsl.ts';

/** An answer's body. */
interface Body {
  readonly bytes: Uint8Array;
  readonly contentType: string | undefined;
  /** Where it was found, after redirects. */
  readonly url: string;
}

/** A page as a thread hands it over: of the features of its pictures, hundreds of numbers, the main thread only ever writes the text. */
export type ReadPage = Omit<Page, 'images'> & { readonly images: readonly ReadImage[] };
export type ReadImage = Omit<PageImage, 'dominance'> & { readonly dominance?: WrittenDominance };

function handedOver({ images, ...page }: Page): ReadPage {
  const written = images.map(({ dominance, ...image }) =>
    dominance ? { ...image, dominance: { ...dominance, features: JSON.stringify(dominance.features) } } : image,
  );
  return { ...page, images: written };
}

const bufferOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);

export const tasks = {
  /** An HTML page as it was sent. */
  page: ({
    bytes,
    contentType,
    url,
    referrerPolicy,
  }: Body & { readonly referrerPolicy: ReferrerPolicy | null }): ReadPage =>
    handedOver(extractPage(decodeText(bufferOf(bytes), contentType, new URL(url).hostname), url, referrerPolicy)),
  /** The HTML of a page after its scripts ran. */
  renderedPage: ({
    html,
    url,
    referrerPolicy,
  }: {
    readonly html: string;
    readonly url: string;
    readonly referrerPolicy: ReferrerPolicy | null;
  }): ReadPage => handedOver(extractPage(html, url, referrerPolicy)),
  sitemap: ({ bytes, contentType, url }: Body) => readSitemap(bufferOf(bytes), contentType, url),
  robots: readRobots,
  tdmrep: parseTdmrep,
  rsl: parseRsl,
};

export type Tasks = typeof tasks;
export type TaskName = keyof Tasks;
export type TaskInput<Name extends TaskName> = Parameters<Tasks[Name]>[0];
