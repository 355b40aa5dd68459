/** Opens the frontier of a corpus beside its ledger, and refuses one that is missing, older than it could be, or another corpus'. */
import { join } from 'node:path';
import type { Defer } from '../../dataset/cleanup.ts';
import { corpusMark, hasWebPages } from '../../dataset/ledger/corpus-mark.ts';
import type { Ledger } from '../../dataset/ledger/ledger.ts';
import { hasContent } from '../../dataset/ledger/lost-ledger.ts';
import { readPagesWhole } from '../../dataset/ledger/origins.ts';
import { UserError } from '../../dataset/user-error.ts';
import { Frontier } from './frontier.ts';
import { lockCorpus, openWithDeath } from './run-lock.ts';

/** Takes the crawl's lock and opens the frontier; both end with `defer`. Throws as `lockCorpus` and `openFrontier` do. */
export function holdFrontier(corpusDir: string, ledger: Ledger, defer: Defer): Frontier {
  defer(lockCorpus(corpusDir));
  const frontier = openFrontier(corpusDir, ledger);
  defer(() => frontier.close());
  return frontier;
}

/**
 * To be called by who holds the crawl's lock. Throws a UserError when `frontier.db` and `ledger.db` do not belong together. Every
 * batch of a crawl is counted in the ledger first: a frontier that has fewer asks once more for what it has forgotten, one that
 * has more would leave out what the ledger has lost.
 */
export function openFrontier(corpusDir: string, ledger: Ledger): Frontier {
  const path = join(corpusDir, 'frontier.db');
  if (!hasContent(path) && hasContent(`${path}-wal`)) throw lost(path, 'only its -wal file');
  if (!hasContent(path) && hasWebPages(ledger)) throw lost(path, 'none');
  const frontier = openWithDeath(corpusDir, (hasDied) => Frontier.open(corpusDir, { hasDied }));
  try {
    const { id, commits } = corpusMark(ledger);
    const mark = frontier.mark();
    if (mark.id === null) frontier.atomically(() => frontier.setMark({ id, commits }));
    else if (mark.id !== id) {
      throw new UserError(
        `Expected the ledger.db and the frontier.db of one corpus in ${corpusDir} but received those of two; put the right one back.`,
      );
    } else if (mark.commits > commits) {
      throw new UserError(
        `Expected a ledger.db as new as frontier.db in ${corpusDir} but received one that lacks the last ${mark.commits - commits} batches; ` +
          'put the newer one back (with its -wal file), or run `lait verify --repair`, which queues again what the ledger lacks.',
      );
    }
    return frontier;
  } catch (error) {
    frontier.close();
    throw error;
  }
}

/**
 * Remembers by which settings links and pictures are taken. Where they are others than those of the last run, pages hold what it passed
 * over: their next visit reads them whole, also when their servers say that they have not changed.
 */
export async function rememberFollowed(frontier: Frontier, ledger: Ledger, settings: string): Promise<void> {
  const before = frontier.followed();
  if (before === settings) return;
  if (before !== null) await ledger.writeWhenFree(() => readPagesWhole(ledger));
  frontier.setFollowed(settings);
}

const lost = (path: string, received: string): UserError =>
  new UserError(
    `Expected the frontier at ${path} beside ledger.db but received ${received}; put it back from a copy, or run \`lait verify --repair\`, ` +
      'which makes a new one that knows what the ledger has.',
  );
