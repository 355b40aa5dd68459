/**
 * Of two visits to a page or picture the later one counts, also where its batch comes first into the folder: one waits for pictures of its
 * worker, or the folder has crawled on by itself.
 */
import { asVisited, type KnownPage, knownImage, knownImageVisit, knownPage } from '../../dataset/ledger/crawled.ts';
import type { Ledger } from '../../dataset/ledger/ledger.ts';
import type { PageRecord } from '../../dataset/ledger/records.ts';
import type { Recordable } from '../frontier/record.ts';
import { takesAway } from '../frontier/repeated-images.ts';
import { pairEndOf } from '../frontier/revisit.ts';
import type { Reason } from '../policy/reasons.ts';

export interface Timely {
  readonly outcome: Recordable;
  /** Later visits that did not come to the page, to be recorded once more: what this one found stays, and is marked. */
  readonly later: readonly PageRecord[];
  /** No later visit to its page is known. */
  readonly isLast: boolean;
}

/** The outcome without the pages and the picture of which the ledger has a later visit; a picture that the folder has stays when its visit failed. */
export function timely(ledger: Ledger, outcome: Recordable): Timely {
  const { page, redirected, found, refused, image, decoded, ...rest } = outcome;
  const knownOf = (row: PageRecord | undefined): KnownPage | null => (row ? laterVisit(ledger, row) : null);
  const [ofPage, ofRedirected] = [knownOf(page), knownOf(redirected)];
  const isPageTold = page !== undefined && (ofPage === null || isWithoutContent(ofPage) || isReadAfter(page, ofPage));
  const isImageTold = image === undefined || !hasLaterImage(ledger, image);
  return {
    outcome: {
      ...rest,
      ...(isPageTold ? { page: keptPage(ledger, page), ...(found && { found }), ...(refused && { refused }) } : {}),
      ...(redirected && ofRedirected === null ? { redirected } : {}),
      ...(image && isImageTold ? { image: kept(ledger, image), ...(decoded && { decoded }) } : {}),
    },
    later: ofPage !== null && isPageTold ? [ofPage] : [],
    isLast: ofPage === null,
  };
}

/** Records what `timely` has set aside; to be called after the batch, within its transaction. */
export function recordLater(ledger: Ledger, later: readonly PageRecord[]): void {
  for (const { url, status, reason = null, fetchedAtMs, rights } of later) {
    const page = { url, status, reason: reason as Reason | null, fetchedAtMs };
    // A page that is unchanged has, but for what its answer says of rights, what the earlier visit has just brought.
    const known = status === 'unchanged' ? keptPage(ledger, { ...page, ...(rights && { rights }) }) : page;
    ledger.recordPage(known, [], pairEndOf(page));
  }
}

/** Links that lead into a trap are noted when they are collected, and say nothing of a visit. */
function laterVisit(ledger: Ledger, { url, fetchedAtMs }: PageRecord): KnownPage | null {
  const known = knownPage(ledger, url);
  if (known === null || known.fetchedAtMs <= fetchedAtMs) return null;
  return known.reason?.startsWith('trap-') ? null : known;
}

const isWithoutContent = ({ status, title = '', text = '' }: PageRecord): boolean =>
  status !== 'fetched' && status !== 'skipped' && title === '' && text === '';

/** The later visit did not read the page: what it has is of one that was before this one. */
const isReadAfter = (page: RecordedPage, { readAtMs }: KnownPage): boolean =>
  (page.status === 'fetched' || pairEndOf(page) !== null) && readAtMs !== null && readAtMs < page.fetchedAtMs;

/** Workers do not know what the folder has: what was read at an earlier visit stays when a later one finds it unchanged, or fails. */
function keptPage(ledger: Ledger, page: RecordedPage): RecordedPage {
  if (!isWithoutContent(page)) return page;
  const known = knownPage(ledger, page.url);
  if (known === null || isWithoutContent(known)) return page;
  const before = asVisited(known);
  const { status, reason = null, rights, fetchedAtMs } = page;
  return { ...before, status, reason, fetchedAtMs, ...(rights && { rights: { ...before.rights, ...rights } }) };
}

type RecordedPage = NonNullable<Recordable['page']>;
type RecordedImage = NonNullable<Recordable['image']>;

/** Workers do not know what the folder has: as at its own visits, what goes wrong at a later one takes nothing away. */
function kept(ledger: Ledger, image: RecordedImage): RecordedImage {
  const { url, status, reason = null, fetchedAtMs } = image;
  if (status === 'success' || reason === null || reason === 'taken-down' || takesAway(reason)) return image;
  const known = knownImage(ledger, url);
  const isGone = reason === 'http-404' || reason === 'http-410';
  return known ? { ...known, reason: isGone ? 'gone' : reason, fetchedAtMs } : image;
}

/** What pages say of decoration is said before it is fetched, or after all of them were read. */
function hasLaterImage(ledger: Ledger, { url, fetchedAtMs }: RecordedImage): boolean {
  const known = knownImageVisit(ledger, url);
  return known !== null && known.fetchedAtMs > fetchedAtMs && !known.reason?.startsWith('decoration-');
}
