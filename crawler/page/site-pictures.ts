/**
 * Pictures that stand for a site and not for one of its pages: its logo, and the one that is shown wherever a page without a picture of its
 * own is shared. Pages name them in their heads; nothing but the name of the file tells.
 */
import { pathOf } from '../policy/url.ts';
import type { PageHead } from './head.ts';
import { siteNamePartReader } from './site-name.ts';
import { fileName } from './telling-names.ts';

/** What a sign of a site is called. */
const signWord = /^(?:logos?|logotype|favicon|avatar|placeholder)\d*$/;

/** What a picture is called that is shown where pages are shared. */
const sharingWord = /^(?:og|opengraph|default|fallback|share|sharing|shareimage)$/;

/** The same beside one of those words; alone they are topics. */
const besideSharing = /^(?:graph|social|facebook|fb|twitter|x|seo|card|thumbnail)$/;

/** What says of either only how it looks, and the ending. */
const look =
  /^(?:open|image|img|picture|photo|meta|site|page|media|preview|large|banner|cover|no|v?\d+|\d+x\d*|jpe?g|png|webp|gif|avif|svg|ico)$/;

/** How a sign is drawn, in name and colour. */
const besideSign =
  /^(?:white|black|dark|light|colou?r|red|blue|green|gr[ae]y|gold|transparent|inverted|square|round|small|big|full|wide|horizontal|vertical|px|x|precomposed|user)$/;

/**
 * Whether the name of a file says no more than that it is such a picture: "logo-white.png", "default-og-image.png",
 * "legalzoom-20-og.png". One that is shared and in the folder of the page, or that is made for it by a query, may be its own.
 */
export function sitePictureReader(head: Pick<PageHead, 'meta'>, pageUrl: string): (url: string) => boolean {
  const isOfSiteName = siteNamePartReader(head, pageUrl);
  const page =
    pathOf(pageUrl)
      .split('/')
      .findLast((part) => part !== '') ?? '';
  return (url) => {
    const name = fileName(pathOf(url)).replace('apple-touch-icon', 'logo');
    const words = name.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== '');
    const isSign = words.some((word) => signWord.test(word));
    const isShared = words.some((word) => sharingWord.test(word));
    if (!isSign && !isShared) return false;
    if (!isSign && (url.includes('?') || (page !== '' && pathOf(url).includes(`/${page}/`)))) return false;
    const beside = isSign ? [signWord, sharingWord, look, besideSign] : [sharingWord, besideSharing, look];
    const rest = words.filter((word) => !beside.some((pattern) => pattern.test(word))).join('');
    return rest === '' || isOfSiteName(rest);
  };
}
