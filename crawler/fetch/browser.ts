/**
 * Pages as a visitor leaves them: Chromium through Playwright. The page's own HTML, fetched before with all manners, is handed
 * to it, so that the site sees one request for it and not two. The browser has no network of its own: what a page asks for is
 * fetched here, only where robots.txt of its origin allows it, as in Google's renderer ("Fix Search-related JavaScript
 * problems": blocked resources are not loaded). A page does not work with a second between its scripts, so they are not
 * delayed but counted, and the hosts rest so much longer afterwards. Every page has a deadline (the later the
 * longer it waits for a core), a limit on memory and a context
 * that is thrown away; a browser that died is started again, and its pages are rendered once more, one at a time in a browser of
 * their own, so that none is lost for what another one did.
 */
import { existsSync } from 'node:fs';
import { availableParallelism, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import PQueue from 'p-queue';
import type { Browser } from 'playwright';
import { keepWhileRunning, temporaryFolder } from '../../dataset/temporary-folder.ts';
import type { AddressGuard } from './address-guard.ts';
import { commandLineOf, watchMemory } from './browser-memory.ts';
import { coreWaits } from './core-waits.ts';
import { machineLacks, noRoomToGoOn, noRoomToRender, tooFewFilesToRender, Withheld } from './local-faults.ts';
import { openPartFetcher, type PartFetcher } from './part-fetch.ts';
import { type PageActs, type RenderRequest, visit } from './rendered-page.ts';
import type { SignRequest } from './request-signature.ts';

export interface PageTraces {
  /** How many requests scripts and frames made to each origin. */
  readonly requests: ReadonlyMap<string, number>;
  /** Where the page wanted to go or opened a window. Absolute http(s) URLs. */
  readonly links: readonly string[];
  /** The first of them that was for its own window: the page is a redirect. Null when it stayed. */
  readonly leftFor: string | null;
}

export interface Rendering extends PageTraces {
  readonly html: string;
}

export interface NotRendered extends PageTraces {
  readonly reason: 'render-timeout' | 'render-failed' | 'render-crashed';
}

export interface Renderer {
  /** The HTML after scripts ran, or why there is none. Waits while enough pages are being rendered. Throws Withheld. */
  render(page: RenderRequest): Promise<Rendering | NotRendered>;
  /** Pages that are being rendered, or wait for it, fail. */
  close(): Promise<void>;
}

export interface RendererOptions {
  /** The browser's binary; Playwright's own when left out. */
  readonly executablePath?: string | undefined;
  /** False starts Chromium without its sandbox, which containers and root need. */
  readonly sandbox?: boolean;
  readonly userAgent: string;
  readonly guard: AddressGuard;
  /** Signs what pages ask for. */
  readonly sign?: SignRequest | undefined;
  /** Whether a request may be sent; a page that wanted one while it was not is withheld. */
  readonly mayAsk?: () => boolean;
  /** Limit for one page, in ms, without what it waits for a core; loading and scrolling end after two thirds of it. */
  readonly deadlineMs?: number;
  /** Begins to measure how long pages wait for a core, in ms. */
  readonly waits?: () => () => number;
  /** Memory that the scripts, elements and pictures of one page may take, in bytes. */
  readonly maxPageBytes?: number;
  /** Pages at once. */
  readonly maxPages?: number;
}

/** By the clock no page takes more than so many deadlines. Ours. */
const maxDeadlines = 4;

/** Ours, not measured on real pages: far below the 2.8 GB that one page was seen to take. */
const defaultMaxPageBytes = 768_000_000;

/** A page keeps a core busy; and half of the memory is for the rest of the crawl, and of the machine. */
function defaultMaxPages(maxPageBytes: number): number {
  // What a container may have; 0 or more than there is without one.
  const limit = process.constrainedMemory() || Number.POSITIVE_INFINITY;
  const byMemory = Math.floor(Math.min(totalmem(), limit) / 2 / maxPageBytes);
  return Math.max(1, Math.min(availableParallelism(), byMemory));
}

/** Says whether the browser is there: the given one, else Playwright's own. */
export async function hasBrowser(executablePath: string | undefined): Promise<boolean> {
  if (executablePath !== undefined) return existsSync(executablePath);
  const { chromium } = await import('playwright');
  return existsSync(chromium.executablePath());
}

/** A renderer that is opened when it is first needed, since most crawls need none. */
export interface LazyRenderer {
  /** Null when there is no browser. */
  get(): Promise<Renderer | null>;
  close(): Promise<void>;
}

/** Looks for the browser at the first `get`. */
export function lazyRenderer(options: RendererOptions): LazyRenderer {
  let opening: Promise<Renderer | null> | undefined;
  return {
    get() {
      opening ??= hasBrowser(options.executablePath).then((found) => (found ? openRenderer(options) : null));
      return opening;
    },
    async close() {
      // Who called `get` has been told why it could not be opened.
      const renderer = await opening?.catch(() => null);
      await renderer?.close();
    },
  };
}

/** Starts nothing yet: the browser starts with the first page. */
export function openRenderer({
  executablePath,
  sandbox = true,
  userAgent,
  guard,
  sign,
  mayAsk = () => true,
  deadlineMs = 30_000,
  waits = coreWaits,
  maxPageBytes = defaultMaxPageBytes,
  maxPages = defaultMaxPages(maxPageBytes),
}: RendererOptions): Renderer {
  const closing = new AbortController();
  let parts: PartFetcher | undefined;

  const launch = async (): Promise<Browser> => {
    const lacking = tooFewFilesToRender() ?? noRoomToRender();
    if (lacking) throw lacking;
    const { chromium } = await import('playwright'); // half a second that most crawls never need
    const artifacts = temporaryFolder('browser');
    const starting = chromium.launch({
      ...(executablePath === undefined ? {} : { executablePath }),
      chromiumSandbox: sandbox,
      // No network: a proxy that is nowhere, no name is resolved, and no datagram leaves for WebRTC or WebTransport.
      proxy: { server: 'http://no-network.invalid:9', bypass: '<-loopback>' },
      args: [
        '--host-resolver-rules=MAP * ~NOTFOUND',
        '--disable-webrtc',
        '--force-webrtc-ip-handling-policy=disable_non_proxied_udp',
        `--js-flags=--max-old-space-size=${Math.round(maxPageBytes / 1_048_576)}`,
        '--disable-gpu',
        // Frames of other sites are in the page's process, so that its limit holds for all of a page; pages share none all the same.
        '--disable-site-isolation-trials',
        '--disable-dev-shm-usage',
      ],
      artifactsDir: artifacts.path,
      timeout: 30_000,
      handleSIGTERM: false,
      handleSIGINT: false,
      handleSIGHUP: false,
    });
    starting.catch(artifacts.remove);
    const launched = await starting;
    launched.on('disconnected', artifacts.remove);
    try {
      const cdp = await launched.newBrowserCDPSession();
      // Not for its command line: the browser would wait for the process of a graphics card first.
      const { processInfo } = await cdp.send('SystemInfo.getProcessInfo');
      await cdp.detach();
      const pid = processInfo.find(({ type }) => type === 'browser')!.id;
      launched.on('disconnected', watchMemory(pid, maxPageBytes));
      launched.on('disconnected', keepProfile(pid));
      return launched;
    } catch (error) {
      await within(5000, launched.close());
      throw error;
    }
  };
  const shared = keepOpen(launch);
  const alone = keepOpen(launch);
  const queue = new PQueue({ concurrency: maxPages });
  const again = new PQueue({ concurrency: 1 });

  /** Null when the browser ended, for whatever page. */
  const renderPage = async (
    request: RenderRequest,
    acts: PageActs,
    running: () => Promise<Browser>,
  ): Promise<Rendering | NotRendered | null> => {
    const traces = (): PageTraces => ({ requests: acts.requests, links: [...acts.links], leftFor: acts.leftFor });
    const stop = new AbortController();
    const onClose = (): void => stop.abort();
    let timer: NodeJS.Timeout | undefined;
    let browser: Browser | undefined;
    let context: Awaited<ReturnType<Browser['newContext']>> | undefined;
    try {
      if (closing.signal.aborted) return { reason: 'render-failed', ...traces() };
      closing.signal.addEventListener('abort', onClose);
      browser = await running();
      context = await browser.newContext({
        userAgent,
        serviceWorkers: 'block',
        acceptDownloads: false,
        viewport: { width: 1280, height: 2000 },
      });
      const startMs = performance.now();
      const waitedMs = waits();
      const leftMs = (limitMs: number): number =>
        startMs + limitMs + Math.min(waitedMs(), limitMs * (maxDeadlines - 1)) - performance.now();
      const deadline = new Promise<never>((_, reject) => {
        const look = (): void => {
          const left = leftMs(deadlineMs);
          if (left <= 0) reject(new Error('render-timeout'));
          else timer = setTimeout(look, left);
        };
        timer = setTimeout(look, deadlineMs);
      });
      parts ??= openPartFetcher(guard, { sign, mayAsk });
      const options = { isLate: () => leftMs((deadlineMs * 2) / 3) <= 0, acts, signal: stop.signal };
      const html = await Promise.race([visit(context, request, parts, options), deadline]);
      if (acts.isWithheld) throw new Withheld(request.url);
      return { html, ...traces() };
    } catch (error) {
      if (acts.isWithheld) throw new Withheld(request.url, { cause: error });
      const message = error instanceof Error ? error.message : '';
      const isLate = /render-timeout|Timeout/.test(message);
      const isOver = !isLate && !closing.signal.aborted && browser !== undefined && (await hasEnded(browser));
      const ours = machineLacks(error) ?? (isOver || browser === undefined ? noRoomToRender() : noRoomToGoOn());
      if (ours) throw ours;
      if (isLate) return { reason: 'render-timeout', ...traces() };
      if (isOver) return null;
      return { reason: /crash/i.test(message) ? 'render-crashed' : 'render-failed', ...traces() };
    } finally {
      clearTimeout(timer);
      stop.abort();
      closing.signal.removeEventListener('abort', onClose);
      // The context goes with its processes, also those of a script that never yields.
      await within(5000, context?.close());
    }
  };

  return {
    async render(request) {
      const acts: PageActs = { requests: new Map(), links: new Set(), leftFor: null, isWithheld: false };
      const rendered =
        (await queue.add(() => renderPage(request, acts, shared.get))) ??
        (await again.add(() => renderPage(request, acts, alone.get)));
      const { requests, links, leftFor } = acts;
      return rendered ?? { reason: 'render-crashed', requests, links: [...links], leftFor };
    },
    async close() {
      closing.abort();
      await Promise.all([shared.close(), alone.close()]);
      await parts?.close();
    },
  };
}

/**
 * Keeps the profile of a browser while that runs. Playwright removes it when the browser ends, but not where this process is killed: one that
 * cannot be marked, or that no /proc tells of, is left behind then.
 */
function keepProfile(browserPid: number): () => void {
  const [profile] = /playwright_[a-z]+_profile-[A-Za-z0-9]+/.exec(commandLineOf(browserPid)) ?? [];
  try {
    return profile === undefined ? () => {} : keepWhileRunning(join(tmpdir(), profile));
  } catch {
    return () => {};
  }
}

/** One browser at a time, started when it is needed and again when it has ended. */
function keepOpen(launch: () => Promise<Browser>) {
  let browser: Browser | undefined;
  let starting: Promise<Browser> | undefined;
  return {
    async get(): Promise<Browser> {
      if (browser?.isConnected()) return browser;
      starting ??= launch().finally(() => {
        starting = undefined;
      });
      browser = await starting;
      return browser;
    },
    /** One that is still being started ends later, with this process at the latest. */
    async close(): Promise<void> {
      await within(5000, starting === undefined ? browser?.close() : starting.then((started) => started.close()));
    },
  };
}

/** Whether a browser has ended. News of its pages comes before its own. */
async function hasEnded(browser: Browser): Promise<boolean> {
  if (browser.isConnected()) await within(1000, new Promise((resolve) => browser.once('disconnected', resolve)));
  return !browser.isConnected();
}

/** Waits for a promise to be settled, but no longer than the limit, in ms. */
async function within(limitMs: number, promise: Promise<unknown> | undefined): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([(promise ?? Promise.resolve()).catch(() => {}), late]);
  clearTimeout(timer);
}
