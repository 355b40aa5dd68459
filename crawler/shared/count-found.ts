/** What the pages of a batch gave: which pictures their hosts have shown before, and whether more pages like them are worth a fetch. */
import { type Novelty, patternOf, textKey } from '../policy/traps.ts';
import { noNovelty, type PreparedBatch } from './batch.ts';
import { hostIdOf, hostNameIn, urlHashOf, uuidOf } from './names.ts';
import type { Query } from './store.ts';

/** Counts the images of pages that are read for the first time and what the patterns of their URLs gave, as `countFound` of the folder's commit does. */
export async function countFound(query: Query, batch: PreparedBatch, fresh: ReadonlySet<string>): Promise<void> {
  const sightings = batch.outcomes.flatMap(({ outcome, found = [] }, n) =>
    (outcome.claim.revisit === null ? found : []).map(({ url }) => ({
      n,
      host: hostIdOf(hostNameIn(outcome.claim.at)),
      hash: uuidOf(url),
      url,
    })),
  );
  const newImages = await countSightings(query, sightings);
  const read = batch.outcomes.flatMap(({ outcome: { claim, page }, newUrls }, n) =>
    claim.kind === 'page' && claim.revisit === null && page?.status === 'fetched'
      ? [{ n, page, newUrls, key: textKey(page.url, `${page.title ?? ''} ${page.text ?? ''}`) }]
      : [],
  );
  if (read.length === 0) return;
  await query(
    `INSERT INTO lait.read_pages (hash) SELECT hash FROM unnest($1::uuid[]) p (hash) ORDER BY hash ON CONFLICT DO NOTHING`,
    [read.map(({ page }) => uuidOf(page.url))],
  );
  const known = read.filter(({ page }) => patternOf(page.url) !== null);
  if (known.length === 0) return;
  const newTexts = await query<{ key: string }>(
    `INSERT INTO lait.page_texts (key) SELECT DISTINCT key FROM unnest($1::bigint[]) t (key) ORDER BY key
     ON CONFLICT DO NOTHING RETURNING key`,
    [known.map(({ key }) => key)],
  );
  const texts = new Set(newTexts.map(({ key }) => Number(key)));
  const counted = new Set<string>();
  const changed = new Map<number, Novelty>();
  for (const { n, page, newUrls, key } of known) {
    const pattern = patternOf(page.url)!;
    const { fertile, barren, pictured, pictureless } = changed.get(pattern) ?? batch.patterns.get(pattern) ?? noNovelty;
    const images = newImages.get(n) ?? 0;
    const isFertile = images > 0 || texts.delete(key);
    const leads = newUrls.filter(({ kind, url }) => {
      const hash = urlHashOf(kind, url);
      if (kind !== 'page' || !fresh.has(hash) || counted.has(hash)) return false;
      counted.add(hash);
      return patternOf(url) !== pattern;
    });
    changed.set(pattern, {
      fertile: fertile + (isFertile ? 1 : 0),
      barren: isFertile ? 0 : barren + (leads.length > 0 ? 0 : 1),
      pictured: pictured + (images > 0 ? 1 : 0),
      pictureless: images > 0 ? 0 : pictureless + 1,
    });
  }
  const rows = [...changed].sort(([a], [b]) => a - b);
  await query(
    `INSERT INTO lait.patterns (key, fertile, barren, pictured, pictureless)
     SELECT * FROM unnest($1::bigint[], $2::int[], $3::int[], $4::int[], $5::int[]) p (key, a, b, c, d) ORDER BY key
     ON CONFLICT (key) DO UPDATE SET fertile = excluded.fertile, barren = excluded.barren, pictured = excluded.pictured,
       pictureless = excluded.pictureless`,
    [
      rows.map(([key]) => key),
      rows.map(([, one]) => one.fertile),
      rows.map(([, one]) => one.barren),
      rows.map(([, one]) => one.pictured),
      rows.map(([, one]) => one.pictureless),
    ],
  );
}

interface Sighting {
  readonly n: number;
  readonly host: string;
  readonly hash: string;
  readonly url: string;
}

/** Returns by outcome how many of its images no other page of the host has shown. */
async function countSightings(query: Query, sightings: readonly Sighting[]): Promise<ReadonlyMap<number, number>> {
  const byImage = new Map<string, { readonly first: Sighting; pages: number }>();
  for (const one of sightings) {
    const key = `${one.host} ${one.hash}`;
    const known = byImage.get(key);
    if (known === undefined) byImage.set(key, { first: one, pages: 1 });
    else known.pages += 1;
  }
  if (byImage.size === 0) return new Map();
  const rows = [...byImage.values()];
  const counted = await query<{ host: string; hash: string; pages: number }>(
    `INSERT INTO lait.sightings AS s (host, hash, url, pages)
     SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::text[], $4::int[]) n (host, hash, url, pages) ORDER BY host, hash
     ON CONFLICT (host, hash) DO UPDATE SET pages = s.pages + excluded.pages RETURNING host, hash, pages`,
    [
      rows.map(({ first }) => first.host),
      rows.map(({ first }) => first.hash),
      rows.map(({ first }) => first.url),
      rows.map(({ pages }) => pages),
    ],
  );
  const newImages = new Map<number, number>();
  for (const { host, hash, pages } of counted) {
    const { first, pages: ofBatch } = byImage.get(`${host} ${hash}`)!;
    if (pages === ofBatch) newImages.set(first.n, (newImages.get(first.n) ?? 0) + 1);
  }
  return newImages;
}
