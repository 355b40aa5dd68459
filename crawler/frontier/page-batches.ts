/**
 * Pages that were not fetched just now (web archives, kept pages) on their way into the ledger, and their images into the queue. They are
 * committed together, for one sync of the disk: as many as weigh no more than a transaction should.
 */
import type { Ledger } from '../../dataset/ledger/ledger.ts';
import type { PairEnd } from '../../dataset/ledger/origins.ts';
import type { FoundImage, PageRecord } from '../../dataset/ledger/records.ts';
import { priority } from '../policy/priority.ts';
import type { Address } from '../policy/url.ts';
import type { Frontier } from './frontier.ts';
import type { NewUrl } from './schema.ts';

/** An image of a page, with what to request for it. */
type ArchivedImage = FoundImage & Address & Pick<NewUrl, 'referrerPolicy'>;

/** A page that was read, and the images that it shows. */
export interface ArchivedPage {
  readonly page: PageRecord;
  readonly found: readonly ArchivedImage[];
}

/** What was committed. */
export interface CommittedPages {
  readonly pages: readonly ArchivedPage[];
  /** Pages of which something later is known: they are left out. */
  readonly older: number;
  /** Images that were not known. */
  readonly queued: number;
}

export interface PageBatches {
  add(page: ArchivedPage): Promise<void>;
  /** Commits what is there. */
  flush(): Promise<void>;
}

/** Characters that are committed together at most, the last item apart. Ours: a page may have 4 million. */
export const maxBatchLength = 10_000_000;
/** Ours: so many pages cost one sync of the disk. */
const maxPages = 50;

/** `endOf` says why pairs end that a page showed before and does not show now; null where they stay. `onCommit` hears of each batch. */
export function openPageBatches(
  { ledger, frontier }: { readonly ledger: Ledger; readonly frontier: Frontier },
  {
    endOf,
    onCommit,
  }: {
    readonly endOf: (page: PageRecord) => PairEnd | null;
    readonly onCommit: (committed: CommittedPages) => void;
  },
): PageBatches {
  let pages: ArchivedPage[] = [];
  let length = 0;
  const flush = async (): Promise<void> => {
    const recorded = await ledger.writeWhenFree(() =>
      pages.filter(({ page, found }) => ledger.recordPage(page, found, endOf(page))),
    );
    const queued = frontier.atomically(() =>
      recorded.reduce((sum, { found }) => sum + frontier.add(found.map(imageToQueue)), 0),
    );
    const committed = { pages: recorded, older: pages.length - recorded.length, queued };
    pages = [];
    length = 0;
    onCommit(committed);
  };
  return {
    async add(page) {
      pages.push(page);
      length += lengthOf(page);
      if (pages.length >= maxPages || length >= maxBatchLength) await flush();
    },
    flush,
  };
}

const imageToQueue = ({ texts: _, dominance: __, ...address }: ArchivedImage) =>
  ({ ...address, kind: 'image', depth: 1, priority: priority.image }) as const;

/** Characters that are written of a page, but for what is bounded to some thousands. */
function lengthOf({ page, found }: ArchivedPage): number {
  const ofImages = found.reduce((sum, image) => sum + lengthOfImage(image), 0);
  return (page.title?.length ?? 0) + (page.text?.length ?? 0) + ofImages;
}

/** Each text is a pair, which has the image's address. */
const lengthOfImage = ({ url, texts, dominance }: ArchivedImage): number =>
  texts.reduce((sum, { text }) => sum + text.length + url.length, url.length + (dominance?.features.length ?? 0));
