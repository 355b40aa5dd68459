/** What a public summary of training content asks of a corpus: sizes, languages, domains by volume, opt-outs, in numbers. */
import { getDomain } from 'tldts';
import type { Count } from './corpus-facts.ts';
import type { Ledger } from './ledger.ts';
import { survivorsOf } from './survivors.ts';

/** Content that was kept from one registrable domain. */
export interface DomainVolume {
  /** By the public suffix list; a host without one (an IP address) is itself. */
  readonly domain: string;
  readonly images: number;
  readonly texts: number;
  /** Of the original images, each counted once, and of the texts. */
  readonly bytes: number;
}

export interface TrainingFacts {
  readonly images: number;
  readonly imageBytes: number;
  readonly texts: number;
  readonly textCharacters: number;
  /** ISO 639-1; '' where no rule asked. */
  readonly languages: readonly Count[];
  /** Largest first. */
  readonly domains: readonly DomainVolume[];
  /** Lists of URLs that named images, with the kept pairs of each. */
  readonly lists: readonly Count[];
  /** Pages and images that were not taken because of robots.txt or a reservation of rights, by reason. */
  readonly optOuts: readonly (Count & { readonly what: 'page' | 'image' })[];
  readonly takenDown: readonly Count[];
}

/** Counts over the kept pairs, with or without those that are not on the web any more, and over all that was refused. Memory grows with the number of hosts alone. */
export function trainingFacts(
  ledger: Ledger,
  { gone = 'drop' }: { readonly gone?: 'keep' | 'drop' } = {},
): TrainingFacts {
  const survivors = survivorsOf(gone);
  const domains = new Map<string, { images: number; texts: number; bytes: number }>();
  const domainOfHost = new Map<string, string>();
  const lists = new Map<string, number>();
  const total = { images: 0, imageBytes: 0, texts: 0, textCharacters: 0 };
  const rows = ledger.db
    .prepare(
      `SELECT image_id, page_url, image_url, byte_length, length(text), octet_length(text) FROM ${survivors}
       ORDER BY image_id, row`,
    )
    .raw()
    .iterate() as IterableIterator<[number, string, string, number, number, number]>;
  let last = -1;
  for (const [image, pageUrl, imageUrl, imageBytes, characters, textBytes] of rows) {
    const isOfList = !/^https?:/.test(pageUrl);
    if (isOfList) lists.set(pageUrl, (lists.get(pageUrl) ?? 0) + 1);
    const host = hostOf(isOfList ? imageUrl : pageUrl);
    let domain = domainOfHost.get(host);
    if (domain === undefined) {
      domain = getDomain(host, { allowPrivateDomains: true }) ?? host;
      domainOfHost.set(host, domain);
    }
    const volume = domains.get(domain) ?? { images: 0, texts: 0, bytes: 0 };
    domains.set(domain, volume);
    if (image !== last) {
      total.images += 1;
      total.imageBytes += imageBytes;
      volume.images += 1;
      volume.bytes += imageBytes;
    }
    last = image;
    total.texts += 1;
    total.textCharacters += characters;
    volume.texts += 1;
    volume.bytes += textBytes;
  }
  const all = <Row>(sql: string) => ledger.db.prepare(sql).all() as Row[];
  return {
    ...total,
    languages: all<Count>(
      `SELECT coalesce(p.language, '') AS name, count(*) AS count FROM ${survivors} s JOIN pairs p ON p.rowid = s.row
       GROUP BY 1 ORDER BY 2 DESC, 1`,
    ),
    domains: [...domains]
      .map(([domain, volume]) => ({ domain, ...volume }))
      .sort((a, b) => b.bytes - a.bytes || (a.domain < b.domain ? -1 : 1)),
    lists: [...lists].map(([name, count]) => ({ name, count })).sort((a, b) => (a.name < b.name ? -1 : 1)),
    optOuts: all<TrainingFacts['optOuts'][number]>(
      `SELECT what, reason AS name, count(*) AS count FROM
         (SELECT 'page' AS what, reason FROM pages WHERE status = 'refused'
          UNION ALL SELECT 'image', reason FROM images WHERE status = 'refused')
       WHERE reason LIKE 'rights-%' OR reason LIKE 'robots%' GROUP BY 1, 2 ORDER BY 2, 1 DESC`,
    ),
    takenDown: all<Count>(
      'SELECT kind AS name, count(DISTINCT value) AS count FROM tombstones GROUP BY kind ORDER BY kind',
    ),
  };
}

const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).hostname : '');
