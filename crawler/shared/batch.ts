/** What a batch of outcomes means for the tables, as rows to be written: worked out before the transaction, which only writes. */
import type { FoundImage, ImageRecord } from '../../dataset/ledger/records.ts';
import { type FetchOutcome, namesOfPage, type RefusedUrl } from '../frontier/outcome.ts';
import type { NewUrl } from '../frontier/schema.ts';
import { withSitemapTexts } from '../frontier/sitemap-texts.ts';
import type { SitemapTexts } from '../page/sitemap.ts';
import { priority } from '../policy/priority.ts';
import { type Novelty, noveltyTrap, patternOf } from '../policy/traps.ts';
import { hostIdOf, hostNameIn, urlHashOf, uuidOf } from './names.ts';
import type { Query } from './store.ts';

/** Where a worker keeps a picture: below its folder `work/PART`. */
export interface PartPlace {
  readonly segment: number;
  readonly offset: number;
  readonly byteLength: number;
}

/** An outcome as it lies in the record. */
export interface RecordedOutcome
  extends Pick<
    FetchOutcome,
    'page' | 'redirected' | 'found' | 'refused' | 'trapped' | 'sitemapTexts' | 'revisit' | 'sitemapAlias' | 'newSeed'
  > {
  readonly url: string;
  readonly kind: 'page' | 'image' | 'sitemap';
  readonly depth: number;
  readonly priority: number;
  readonly writtenUrl: string | null;
  /** The URL is finished. */
  readonly isDone: boolean;
  readonly image?: Omit<ImageRecord, 'stored'>;
  /** Of a picture that was downloaded: what was measured, and where its bytes are. */
  readonly stored?: {
    readonly measured: NonNullable<FetchOutcome['decoded']>['measured'];
    readonly resized: NonNullable<NonNullable<FetchOutcome['decoded']>['smaller']>['resized'] | null;
    readonly place: PartPlace;
  };
}

/** An outcome with what the tables have added to it. */
export interface PreparedOutcome {
  readonly outcome: FetchOutcome;
  readonly found: readonly FoundImage[] | undefined;
  /** To be queued where they are new; `page` shows the image. */
  readonly newUrls: readonly (NewUrl & { readonly page?: string })[];
  readonly trapped: readonly RefusedUrl[];
}

/** Of a batch, with the patterns of its URLs, which `noveltyOf` then brings up to date. */
export interface PreparedBatch {
  readonly outcomes: readonly PreparedOutcome[];
  readonly patterns: Map<number, Novelty>;
}

export const noNovelty: Novelty = { fertile: 0, barren: 0, pictured: 0, pictureless: 0 };

/** The patterns of these pages that the tables have. */
export async function patternsOf(query: Query, urls: readonly string[]): Promise<Map<number, Novelty>> {
  const keys = new Set(urls.map(patternOf).filter((key) => key !== null));
  if (keys.size === 0) return new Map();
  const rows = await query<Novelty & { readonly key: string }>(
    'SELECT key, fertile, barren, pictured, pictureless FROM lait.patterns WHERE key = ANY ($1::bigint[])',
    [[...keys]],
  );
  return new Map(rows.map(({ key, ...novelty }) => [Number(key), novelty]));
}

export const trapOf = (patterns: ReadonlyMap<number, Novelty>, url: string) => {
  const novelty = patterns.get(patternOf(url) ?? -1);
  return novelty === undefined ? null : noveltyTrap(novelty, url);
};

/**
 * Reads what the outcomes depend on: which of their URLs are new, what sitemaps said of their pages, which pages of sitemaps were read, and
 * traps. `isKnown` says which URLs were queued before.
 */
export async function prepare(
  query: Query,
  outcomes: readonly FetchOutcome[],
  { takeImages, isKnown }: { readonly takeImages: boolean; readonly isKnown: (key: string) => boolean },
): Promise<PreparedBatch> {
  const read = outcomes.filter(({ page }) => page?.status === 'fetched');
  const pages = read.flatMap(({ page }) => page?.url ?? []);
  const earlier = await sitemapTextsOf(query, read.flatMap(namesOfPage));
  const late = await readPagesAmong(
    query,
    outcomes.flatMap(({ sitemapTexts = [] }) => sitemapTexts),
    pages,
  );
  const image = ({ imageUrl, imageWritten, pageUrl }: SitemapTexts, depth: number): (NewUrl & { page: string })[] => {
    if (!takeImages) return [];
    const written = imageWritten ? { written: imageWritten } : {};
    return [{ url: imageUrl, ...written, kind: 'image', depth, priority: priority.image, page: pageUrl }];
  };
  const withTexts = outcomes.map((outcome) => {
    const { claim, page, found, newUrls = [], sitemapTexts = [] } = outcome;
    const isRead = page?.status === 'fetched' && found !== undefined;
    const texts = isRead ? namesOfPage(outcome).flatMap((url) => earlier.get(url) ?? []) : [];
    const shown = new Set((found ?? []).map(({ url }) => url));
    const added = texts.filter(({ imageUrl }) => !shown.has(imageUrl)).flatMap((one) => image(one, claim.depth + 1));
    const ofLate = sitemapTexts
      .filter(({ pageUrl }) => late.has(pageUrl))
      .flatMap((one) => image(one, claim.depth + 1));
    const named = newUrls.map((one) => (one.kind === 'image' && page ? { ...one, page: page.url } : one));
    const candidates = [...named, ...added, ...ofLate].filter((one) => !isKnown(keyOf(one)));
    return { outcome, found: found && texts.length > 0 ? withSitemapTexts(found, texts) : found, candidates };
  });
  const unknown = await unknownAmong(
    query,
    withTexts.flatMap(({ candidates }) => candidates),
  );
  const isNew = ({ kind, url }: NewUrl): boolean => unknown.has(urlHashOf(kind, url));
  const links = withTexts.flatMap(({ candidates }) => candidates.filter((one) => one.kind === 'page' && isNew(one)));
  const patterns = await patternsOf(query, [...links.map(({ url }) => url), ...pages]);
  return {
    patterns,
    outcomes: withTexts.map(({ outcome, found, candidates }) => {
      const fresh = candidates.filter(isNew);
      const traps = new Map(
        fresh.flatMap(({ kind, url }) => {
          const reason = kind === 'page' ? trapOf(patterns, url) : null;
          return reason === null ? [] : [[url, reason] as const];
        }),
      );
      return {
        outcome,
        found,
        newUrls: fresh.filter(({ kind, url }) => kind !== 'page' || !traps.has(url)),
        trapped: [...(outcome.trapped ?? []), ...[...traps].map(([url, reason]) => ({ url, reason }))],
      };
    }),
  };
}

/**
 * The hashes of those that the tables do not have. Most links of most pages are known: this asks for nothing but their keys, and outside of the
 * transaction, which is right since no URL is ever removed.
 */
export async function unknownAmong(query: Query, urls: readonly NewUrl[]): Promise<ReadonlySet<string>> {
  const hostByHash = new Map(urls.map(({ kind, url }) => [urlHashOf(kind, url), hostIdOf(hostNameIn(url))]));
  if (hostByHash.size === 0) return new Set();
  // In the order of the index: keys that lie together find its pages warm.
  const keys = [...hostByHash].sort(([a, x], [b, y]) => (x < y || (x === y && a < b) ? -1 : 1));
  const rows = await query<{ hash: string }>(
    `SELECT hash FROM unnest($1::bigint[], $2::uuid[]) c (host, hash)
     WHERE NOT EXISTS (SELECT FROM lait.urls u WHERE u.host = c.host AND u.hash = c.hash)`,
    [keys.map(([, host]) => host), keys.map(([hash]) => hash)],
  );
  return new Set(rows.map(({ hash }) => hash));
}

/** By which a URL is remembered as queued. */
export const keyOf = ({ kind, url }: Pick<NewUrl, 'kind' | 'url'>): string =>
  kind === 'page' ? url : `${kind} ${url}`;

async function sitemapTextsOf(query: Query, pages: readonly string[]): Promise<Map<string, SitemapTexts[]>> {
  const byPage = new Map<string, SitemapTexts[]>();
  if (pages.length === 0) return byPage;
  const rows = await query<{ page_url: string; image_url: string; text: string; image_written: string | null }>(
    `SELECT page_url, image_url, text, image_written FROM lait.sitemap_texts WHERE page = ANY ($1::uuid[])
     ORDER BY page, image_url, text`,
    [pages.map(uuidOf)],
  );
  for (const { page_url, image_url, text, image_written } of rows) {
    const texts = byPage.get(page_url) ?? [];
    texts.push({
      pageUrl: page_url,
      imageUrl: image_url,
      text,
      ...(image_written ? { imageWritten: image_written } : {}),
    });
    byPage.set(page_url, texts);
  }
  return byPage;
}

/** The pages of sitemaps that were read, in this batch or before. */
async function readPagesAmong(
  query: Query,
  texts: readonly SitemapTexts[],
  ofBatch: readonly string[],
): Promise<ReadonlySet<string>> {
  if (texts.length === 0) return new Set();
  const urls = [...new Set(texts.map(({ pageUrl }) => pageUrl))];
  const byHash = new Map(urls.map((url) => [uuidOf(url), url]));
  const rows = await query<{ hash: string }>('SELECT hash FROM lait.read_pages WHERE hash = ANY ($1::uuid[])', [
    [...byHash.keys()],
  ]);
  return new Set([...rows.map(({ hash }) => byHash.get(hash)!), ...urls.filter((url) => ofBatch.includes(url))]);
}

/** The outcome as it is recorded; null for one that only goes back into the queue. */
export function recordedOf(
  { outcome, found, trapped }: PreparedOutcome,
  place: PartPlace | null,
): RecordedOutcome | null {
  const { claim, end, page, redirected, refused, sitemapTexts, revisit, sitemapAlias, newSeed, image, decoded } =
    outcome;
  const hasRow = page ?? redirected ?? image ?? sitemapTexts ?? newSeed;
  if (hasRow === undefined && end !== 'done' && trapped.length === 0) return null;
  const { stored: _, ...row } = image ?? { stored: undefined };
  return {
    url: claim.url,
    kind: claim.kind,
    depth: claim.depth,
    priority: claim.priority,
    writtenUrl: claim.writtenUrl ?? null,
    isDone: end === 'done',
    ...(page ? { page } : {}),
    ...(redirected ? { redirected } : {}),
    ...(found ? { found } : {}),
    ...(refused?.length ? { refused } : {}),
    ...(trapped.length > 0 ? { trapped } : {}),
    ...(sitemapTexts?.length ? { sitemapTexts } : {}),
    ...(revisit ? { revisit } : {}),
    ...(sitemapAlias === undefined ? {} : { sitemapAlias }),
    ...(newSeed === undefined ? {} : { newSeed }),
    ...(image ? { image: row as RecordedOutcome['image'] & object } : {}),
    ...(decoded && place
      ? { stored: { measured: decoded.measured, resized: decoded.smaller?.resized ?? null, place } }
      : {}),
  };
}

/** The names under which what a recorded outcome has finished is known. */
export const namesOf = ({ url, isDone, redirected, page, sitemapAlias }: RecordedOutcome): readonly string[] => [
  ...(isDone ? [url] : []),
  ...(redirected && page ? [page.url] : []),
  ...(sitemapAlias === undefined ? [] : [sitemapAlias]),
];

/** The names of a page or sitemap that redirects on its host led to. */
export const aliasesOf = ({ claim, redirected, page, sitemapAlias }: FetchOutcome): { hash: string; url: string }[] => [
  ...(redirected && page ? [{ hash: urlHashOf(claim.kind, page.url), url: page.url }] : []),
  ...(sitemapAlias === undefined ? [] : [{ hash: urlHashOf(claim.kind, sitemapAlias), url: sitemapAlias }]),
];
