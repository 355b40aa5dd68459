/** The places of the pictures of a page: which file each shows, its features, and whether it is certain furniture. */
import type { Reason } from '../policy/reasons.ts';
import { linkReferrerPolicy, type ReferrerPolicy, referrerPolicyOf } from '../policy/referrer.ts';
import { absoluteUrl, keyOf } from '../policy/url.ts';
import type { ImageCandidate } from './candidates.ts';
import { refusalOf } from './dominant.ts';
import { fileStem } from './file-stem.ts';
import { type Features, featuresOf, minDescribingWords, wordCount } from './image-features.ts';
import { declaredSize } from './image-size.ts';
import { fullSizeUrl, type LinkKind, linkKind, linkTarget } from './links.ts';
import { factsOf, type Likes } from './page-facts.ts';
import type { PageScan } from './scan.ts';

export interface Place {
  readonly candidate: ImageCandidate;
  /** The file to take: the one that is shown, or the larger one that it links to. */
  readonly url: string;
  readonly ownPolicy: ReferrerPolicy | null;
  readonly link: LinkKind;
  readonly features: Features;
  /** The pictures that stand in the tree alike: one object for all of them. */
  readonly likes: Likes;
  /** Why it is certain furniture; null for all others. */
  readonly refusal: Reason | null;
}

/** Every place of a picture, in document order. `representative` has the keys of images that the page names as its own. */
export function placesOf(
  scan: PageScan,
  pageUrl: string,
  {
    representative,
    hasCaption,
  }: {
    readonly representative: ReadonlySet<string>;
    readonly hasCaption: (candidate: ImageCandidate) => boolean;
  },
): Place[] {
  const facts = factsOf(scan, pageUrl);
  const stems = new Set([...representative].map(fileStem).filter((stem) => stem !== ''));
  const isRepresentative = (url: string, stem: string): boolean => representative.has(keyOf(url)) || stems.has(stem);
  const { candidates, mass } = scan;
  return candidates.map((candidate, at) => {
    const { attribs } = candidate.element;
    const link = candidate.surroundings.link?.attribs;
    const target = linkTarget(link?.href, scan.head.base);
    const fullSize = fullSizeUrl(target, candidate.url, attribs, link);
    const url = fullSize ?? candidate.url;
    const kind = linkKind(target, facts.url);
    const features = featuresOf(candidate, facts, {
      target,
      link: kind,
      hasCaption: hasCaption(candidate),
      textAround: (candidates[at + 1]?.textBefore ?? mass.total) - (candidates[at - 1]?.textBefore ?? 0),
      isRepresentative:
        isRepresentative(candidate.url, facts.fileOf(candidate).stem) ||
        (fullSize !== null && isRepresentative(fullSize, fileStem(fullSize))),
    });
    const size = declaredSize(attribs);
    const refusal = refusalOf({
      ...size,
      isOwnFile: () => fullSize === null && absoluteUrl(attribs.src ?? '', scan.head.base) === candidate.url,
      isDescribed: wordCount(attribs.alt) >= minDescribingWords,
      isTellingHost: features['telling-host'] === 1,
    });
    const ownPolicy = fullSize === null ? referrerPolicyOf(attribs.referrerpolicy) : linkReferrerPolicy(link ?? {});
    return { candidate, url, ownPolicy, link: kind, features, likes: facts.likesOf(candidate), refusal };
  });
}

/** Whether a picture stands between others and their words: icons do not. */
export const dividesPage = ({ refusal, features }: Place): boolean => refusal === null && !features['icon-size'];
