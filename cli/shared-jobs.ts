/**
 * Jobs that machines of a shared corpus do for each other: where what is needed and what is made of it lies, and what is to be withdrawn
 * when something is taken down (asked-jobs.ts).
 */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { steadyNow } from '../crawler/policy/clock.ts';
import { removeFilterJobs } from '../crawler/shared/filter-job.ts';
import { type DoJob, type JobWorker, openJobWorker } from '../crawler/shared/job-work.ts';
import { type JobKind, type JobSet, ownerOf, setOf, takenBack } from '../crawler/shared/jobs.ts';
import { placeOf as placeOfStore } from '../crawler/shared/store.ts';
import { digestOf } from '../dataset/atomic-file.ts';
import type { Blobs } from '../dataset/blobs/blobs.ts';
import { openBlobs } from '../dataset/blobs/open.ts';
import { within } from '../dataset/blobs/place.ts';
import { type Defer, withCleanup } from '../dataset/cleanup.ts';
import { CorpusBusy, isOwnShards } from '../dataset/corpus-lock.ts';
import type { OtherWriters } from '../dataset/export/by-others.ts';
import { writeOrder } from '../dataset/export/shard-order.ts';
import { corpusMark } from '../dataset/ledger/corpus-mark.ts';
import { storedPath } from '../dataset/ledger/exports.ts';
import { Ledger } from '../dataset/ledger/ledger.ts';
import { copySegments } from '../dataset/ledger/raw-copy.ts';
import { makeFolder } from '../dataset/make-folder.ts';
import { type Order, type Others, removeAll, removeOrder } from '../dataset/orders.ts';
import { keepWhileRunning, removeIfLeft } from '../dataset/temporary-folder.ts';
import { UserError } from '../dataset/user-error.ts';
import type { OtherDetectors } from '../model/regions/by-others.ts';
import type { Detector } from '../model/regions/region.ts';
import { type AskedAt, type AskedSet, askedJobs, forgetAsked, isJobSet, plansAt, rememberAsked } from './asked-jobs.ts';
import type { Config } from './config.ts';
import { readConfig } from './config-file.ts';
import { storeOf } from './store.ts';
import type { Elsewhere } from './takedown-elsewhere.ts';
import { tell } from './tell.ts';

export interface JobPlace {
  readonly corpusDir: string;
  readonly config: Pick<Config, 'store' | 'blobs'>;
  readonly signal: AbortSignal;
}

/** Where all machines find plans, pictures and what is made of them: in S3, or in a folder that they share. */
const placeOf = ({ corpusDir, config: { blobs } }: JobPlace): string => blobs ?? corpusDir;
const ordersIn = (place: string, { kind, set }: JobSet): Promise<Blobs> => openBlobs(within(place, 'jobs', kind, set));
/** Segments of `raw/`: of each folder that has put some into S3, or those of the folder that all share. */
const rawOf = ({ corpusDir, config: { blobs } }: JobPlace, owner: string): string =>
  blobs === undefined ? within(corpusDir, 'raw') : within(blobs, 'raw', owner);
const hereOf = (corpusDir: string): string => join(corpusDir, 'jobs');
/** Where columns wait for their turn. */
const keptOf = (corpusDir: string, { set }: JobSet): string => join(hereOf(corpusDir), `taken-${basename(set)}`);

/** Where this process keeps what is not whole yet, in the corpus folder of its machine: made when it is asked for, removed at the end. */
function ownFolder({ corpusDir }: JobPlace, defer: Defer): () => string {
  let folder: string | undefined;
  return () => {
    if (folder !== undefined) return folder;
    makeFolder(hereOf(corpusDir));
    const made = mkdtempSync(join(hereOf(corpusDir), hereBegins));
    defer(() => rmSync(made, { recursive: true, force: true }));
    defer(keepWhileRunning(made));
    folder = made;
    return made;
  };
}
const hereBegins = 'here-';

/** Enters as a worker, and removes what dead ones have left in this folder. */
export async function enterForJobs(place: JobPlace, defer: Defer): Promise<JobWorker> {
  const { corpusDir, config, signal } = place;
  const here = hereOf(corpusDir);
  const names = existsSync(here) ? readdirSync(here) : [];
  for (const name of names.filter((one) => one.startsWith(hereBegins))) removeIfLeft(join(here, name));
  return openJobWorker({ url: storeOf(config, corpusDir), corpusDir, signal, say: tell }, defer);
}

/** How jobs of each kind are done here. What they open is closed with `defer`. */
export function doerOf(place: JobPlace, defer: Defer): DoJob {
  const detectors = detectorsOf(defer);
  const own = ownFolder(place, defer);
  const doers: Record<JobKind, (orders: Blobs, job: JobSet & Order, signal: AbortSignal) => Promise<void>> = {
    async export(orders, job, signal) {
      const raw = await openBlobs(rawOf(place, ownerOf(job)));
      await writeOrder({ orders, raw }, job, { folder: join(own(), 'made'), signal });
    },
    async regions(orders, job, signal) {
      const { detectOrder } = await import('../model/regions/detect-order.ts');
      const shards = within(placeOf(place), 'shards');
      await detectOrder({ orders, shards }, job, { open: detectors, folder: join(own(), 'made'), signal });
    },
  };
  return async (job, signal) => {
    const orders = await ordersIn(placeOf(place), job);
    await doers[job.kind](orders, job, signal);
    return () => removeOrder(orders, job);
  };
}

/** One detector at a time, opened once for the jobs that want the same. */
function detectorsOf(defer: Defer): (settings: unknown) => Promise<Detector> {
  let opened: { readonly words: string; readonly detector: Promise<Detector> } | undefined;
  const close = async (): Promise<void> => (await opened?.detector.catch(() => undefined))?.dispose();
  defer(close);
  return async (settings) => {
    const words = JSON.stringify(settings);
    if (opened?.words !== words) {
      await close();
      const { openConfigured } = await import('./detector.ts');
      opened = { words, detector: openConfigured(settings as Config['regions']) };
    }
    return opened.detector;
  };
}

/** The other machines, and this one, as makers of the things of a set. */
async function othersFor(place: JobPlace, set: JobSet, defer: Defer): Promise<Others> {
  const { corpusDir, config, signal } = place;
  const worker = await enterForJobs(place, defer);
  const doJob = doerOf(place, defer);
  const orders = await ordersIn(placeOf(place), set);
  const at: AskedAt = { store: placeOfStore(storeOf(config, corpusDir)), blobs: config.blobs ?? null };
  let asked = new Map<string, string>();
  return {
    orders,
    begin: () => rememberAsked(corpusDir, set, at),
    async ask(wanted) {
      asked = new Map(wanted.map(({ name, plan }) => [name, plan]));
      await worker.ask((jobs) => jobs.ask(set, wanted));
    },
    async made() {
      for (;;) {
        const done = await worker.ask((jobs) => jobs.done(set));
        if (done.some(({ name, plan }) => asked.get(name) !== plan)) throw takenBack(set);
        if (done.length > 0) return done;
        await worker.ask((jobs) => jobs.check(set));
        if (!(await worker.doOne([set.kind], doJob))) await worker.rest();
      }
    },
    settle: (order, what) => worker.ask((jobs) => jobs.settle(set, order, what)),
    async end() {
      await removeAll(orders, '', signal);
      forgetAsked(corpusDir, set, at);
    },
  };
}

/** Jobs of this corpus under a name. */
function ownSet(corpusDir: string, kind: JobKind, name: string): JobSet {
  const ledger = Ledger.openExisting(corpusDir);
  try {
    return setOf(kind, corpusMark(ledger).id, name);
  } finally {
    ledger.close();
  }
}

/** Those who write the shards of an export. */
export async function shardWriters(place: JobPlace, outDir: string, defer: Defer): Promise<OtherWriters> {
  const { corpusDir, config, signal } = place;
  const name = isOwnShards(corpusDir, outDir) ? 'shards' : digestOf(storedPath(corpusDir, outDir)).sha256.slice(0, 16);
  const set = ownSet(corpusDir, 'export', name);
  return {
    ...(await othersFor(place, set, defer)),
    async bring(segments) {
      if (config.blobs !== undefined) await copySegments(corpusDir, rawOf(place, ownerOf(set)), segments, signal);
    },
  };
}

/** Those who detect the regions of the corpus' own shards, which all of them can read. */
export async function regionDetectors(
  place: JobPlace,
  { folder, settings }: { readonly folder: string; readonly settings: Config['regions'] },
  defer: Defer,
): Promise<OtherDetectors> {
  const set = ownSet(place.corpusDir, 'regions', basename(folder));
  return { ...(await othersFor(place, set, defer)), settings, folder: keptOf(place.corpusDir, set) };
}

/**
 * Takes back all that was asked for and not taken over, waits until nobody is at it, and removes it: to be called by who holds the parts
 * of the corpus, so that nothing is asked for meanwhile. A store or bucket that is gone, or workers that are at a job for longer than
 * `maxWaitMs`, keep nobody from taking something down: gives what was not reached, which the next call tries again, and forgets what is
 * gone for good. `say` hears why something was not reached.
 */
export async function withdrawJobs(
  { corpusDir, signal, gone = new Set() }: Elsewhere,
  { maxWaitMs = Number.POSITIVE_INFINITY, say = tell }: Patience = {},
): Promise<string[]> {
  const unreached: string[] = [];
  const orUnreached = async (place: string, work: () => Promise<void>): Promise<boolean> => {
    if (gone.has(place)) return true;
    try {
      await work();
      return true;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof UserError) || error instanceof CorpusBusy) throw error;
      say(error.message);
      unreached.push(place);
      return false;
    }
  };
  for (const { at, ...set } of askedJobs(corpusDir)) {
    if (isJobSet(set)) rmSync(keptOf(corpusDir, set), { recursive: true, force: true });
    for (const one of at) {
      const { store, blobs } = one;
      const isTakenBack = await orUnreached(store, () => withdrawSet({ corpusDir, signal, maxWaitMs }, store, set));
      if (!isJobSet(set)) {
        if (isTakenBack) forgetAsked(corpusDir, set, one);
        continue;
      }
      const isRemoved = await orUnreached(plansAt(one, corpusDir), async () => {
        const orders = await ordersIn(blobs ?? corpusDir, set);
        await removeAll(orders, '', signal);
        await orders.sweep({ olderThanMs: 0, signal });
      });
      if (isTakenBack && isRemoved) forgetAsked(corpusDir, set, one);
    }
  }
  return [...new Set(unreached)];
}

interface Patience {
  /** For workers that are at a job, in ms. */
  readonly maxWaitMs?: number;
  readonly say?: (line: string) => void;
}

/** Throws a UserError where `lait.yaml` names this store no more, or it does not answer, or workers do not let go in time. */
async function withdrawSet(
  { corpusDir, signal, maxWaitMs }: Pick<Elsewhere, 'corpusDir' | 'signal'> & { readonly maxWaitMs: number },
  store: string,
  set: AskedSet,
): Promise<void> {
  const config = readConfig(corpusDir);
  if (config.store === undefined || placeOfStore(config.store) !== store) {
    throw new UserError(
      `Expected store: ${store} in lait.yaml, where other machines were asked for something, but received another or none; workers that are still there may finish what they have begun.`,
    );
  }
  if (!isJobSet(set)) return removeFilterJobs({ url: config.store, ledgerId: ownerOf(set) });
  await withCleanup(async (defer) => {
    const worker = await enterForJobs({ corpusDir, config, signal }, defer);
    const startMs = steadyNow();
    for (let isTold = false; ; ) {
      const held = await worker.ask((jobs) => jobs.withdraw(set));
      if (held === 0) break;
      if (steadyNow() - startMs >= maxWaitMs) {
        throw new UserError(
          `Expected workers to let go of ${set.kind} jobs of ${store} within ${maxWaitMs / 1000} s but ${held} ${held === 1 ? 'has' : 'have'} not; they remove what they have made when they end, and one that died has its job for ${worker.leaseSeconds} s: take it down again then.`,
        );
      }
      if (!isTold) tell(`lait: waiting for workers to let go of jobs that are wanted no more: ${held}`);
      isTold = true;
      await worker.rest();
    }
  });
}
