/**
 * Pages as a browser shows them: Chromium through Playwright. The page's own HTML, fetched before with all manners, is
 * handed to it, so that the site sees one request for it and not two; images, fonts, media and style sheets are not loaded.
 * What its scripts ask for goes through the guarded proxy and only where robots.txt of its origin allows it, as in Google's
 * renderer ("Fix Search-related JavaScript problems": blocked resources are not loaded). A page does not work with a
 * second between its scripts, so they are not delayed but counted, and the hosts rest so much longer afterwards. Every step
 * has a deadline, contexts are thrown away after some pages (long-lived ones leak), a browser that died is started again.
 */
import { existsSync } from 'node:fs';
import type { Browser, BrowserContext, Page, Route } from 'playwright';
import type { AddressGuard } from './address-guard.ts';
import { type GuardedProxy, startGuardedProxy } from './guarded-proxy.ts';

export interface Rendering {
  readonly html: string;
  readonly requests: RequestsByOrigin;
}

/** How many requests scripts and frames made to each origin. */
type RequestsByOrigin = ReadonlyMap<string, number>;

export interface RenderRequest {
  readonly url: string;
  readonly html: string;
  /** Whether robots.txt allows a script, frame or request of the page. */
  readonly allows: (url: string) => Promise<boolean>;
}

export interface Renderer {
  /** The HTML after scripts ran, or why there is none. */
  render(page: RenderRequest): Promise<
    | Rendering
    | {
        readonly reason: 'render-timeout' | 'render-failed';
        readonly requests: RequestsByOrigin;
      }
  >;
  close(): Promise<void>;
}

export interface RendererOptions {
  /** The browser's binary; Playwright's own when left out. */
  readonly executablePath?: string | undefined;
  /** False starts Chromium without its sandbox, which containers and root need. */
  readonly sandbox?: boolean;
  readonly userAgent: string;
  readonly guard: AddressGuard;
  /** Hard limit for one page, in ms. */
  readonly deadlineMs?: number;
}

/** Ours: contexts that lived for hundreds of pages are where scrapy-playwright's reports of growing memory come from. */
const pagesPerContext = 50;

/** A page with no request for so long has loaded, in ms. */
const quietMs = 300;
const maxHtmlLength = 20_000_000;

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

/** Starts nothing yet: browser and proxy start with the first page. */
export function openRenderer({
  executablePath,
  sandbox = true,
  userAgent,
  guard,
  deadlineMs = 15_000,
}: RendererOptions): Renderer {
  let proxy: GuardedProxy | undefined;
  let browser: Browser | undefined;
  let context: { context: BrowserContext; pages: number; open: number } | undefined;
  let starting: Promise<BrowserContext> | undefined;

  const launch = async (): Promise<Browser> => {
    proxy ??= await startGuardedProxy(guard);
    const { chromium } = await import('playwright'); // half a second that most crawls never need
    return chromium.launch({
      ...(executablePath === undefined ? {} : { executablePath }),
      chromiumSandbox: sandbox,
      proxy: { server: proxy.url, bypass: '<-loopback>' },
      args: [
        '--disable-gpu',
        '--disable-dev-shm-usage',
        '--disable-webrtc',
        '--force-webrtc-ip-handling-policy=disable_non_proxied_udp',
      ],
      timeout: 30_000,
      handleSIGTERM: false,
      handleSIGINT: false,
      handleSIGHUP: false,
    });
  };

  const freshContext = async (): Promise<BrowserContext> => {
    if (!browser?.isConnected()) browser = await launch();
    const created = await browser.newContext({
      userAgent,
      serviceWorkers: 'block',
      acceptDownloads: false,
      viewport: { width: 1280, height: 2000 },
    });
    context = { context: created, pages: 0, open: 0 };
    return created;
  };

  const openPage = async (): Promise<{ page: Page; holder: NonNullable<typeof context> }> => {
    if (!context || context.pages >= pagesPerContext || !browser?.isConnected()) {
      const old = context;
      context = undefined;
      if (old?.open === 0) void old.context.close().catch(() => {});
      starting ??= freshContext().finally(() => {
        starting = undefined;
      });
      await starting;
    }
    const holder = context!;
    holder.pages += 1;
    holder.open += 1;
    try {
      return { page: await holder.context.newPage(), holder };
    } catch (error) {
      holder.open -= 1;
      throw error;
    }
  };

  const visit = async (
    page: Page,
    { url, html, allows }: RenderRequest,
    requests: Map<string, number>,
  ): Promise<Rendering> => {
    page.on('dialog', (dialog) => void dialog.dismiss().catch(() => {}));
    let first = true;
    const answer = async (route: Route): Promise<void> => {
      const request = route.request();
      if (first && request.isNavigationRequest() && request.frame() === page.mainFrame()) {
        first = false;
        return route.fulfill({ status: 200, contentType: 'text/html; charset=utf-8', body: html });
      }
      const wanted = ['document', 'script', 'xhr', 'fetch'].includes(request.resourceType());
      // Leaving the page is no part of rendering it.
      const leaving = request.isNavigationRequest() && request.frame() === page.mainFrame();
      const target = URL.canParse(request.url()) ? new URL(request.url()) : null;
      if (!wanted || leaving || !target || !/^https?:$/.test(target.protocol) || !(await allows(target.href))) {
        return route.abort();
      }
      requests.set(target.origin, (requests.get(target.origin) ?? 0) + 1);
      return route.continue();
    };
    // A page that was closed meanwhile has no request left to answer.
    await page.route('**/*', (route) => answer(route).catch(() => {}));
    await page.goto(url, { waitUntil: 'domcontentloaded', timeout: deadlineMs });
    await waitUntilLoaded(page, deadlineMs / 2);
    return { html: (await page.content()).slice(0, maxHtmlLength), requests };
  };

  return {
    async render(request) {
      const requests = new Map<string, number>();
      let opened: Awaited<ReturnType<typeof openPage>> | undefined;
      let timer: NodeJS.Timeout | undefined;
      try {
        opened = await openPage();
        const deadline = new Promise<never>((_, reject) => {
          timer = setTimeout(() => reject(new Error('render-timeout')), deadlineMs);
        });
        return await Promise.race([visit(opened.page, request, requests), deadline]);
      } catch (error) {
        const timedOut = error instanceof Error && /render-timeout|Timeout/.test(error.message);
        return { reason: timedOut ? 'render-timeout' : 'render-failed', requests };
      } finally {
        clearTimeout(timer);
        if (opened) await closePage(opened);
      }
    },
    async close() {
      await within(5000, browser?.close());
      await proxy?.close();
    },
  };

  /** A page whose script never yields cannot close itself: then its context goes, and with it the process. */
  async function closePage({ page, holder }: NonNullable<Awaited<ReturnType<typeof openPage>>>): Promise<void> {
    holder.open -= 1;
    const closed = await within(2000, page.close());
    if (closed && (holder === context || holder.open > 0)) return;
    if (holder === context) context = undefined;
    await within(2000, holder.context.close());
  }
}

/** Waits until no request has been in flight for a moment, scrolls once for what loads when it comes into view, and waits again. */
async function waitUntilLoaded(page: Page, limitMs: number): Promise<void> {
  const untilMs = performance.now() + limitMs;
  await quiet(page, untilMs);
  await page.evaluate('window.scrollTo(0, document.documentElement.scrollHeight)').catch(() => {});
  await quiet(page, untilMs);
}

async function quiet(page: Page, untilMs: number): Promise<void> {
  let inFlight = 0;
  let lastMs = performance.now();
  const started = (): void => {
    inFlight += 1;
    lastMs = performance.now();
  };
  const ended = (): void => {
    inFlight = Math.max(0, inFlight - 1);
    lastMs = performance.now();
  };
  page.on('request', started);
  page.on('requestfinished', ended);
  page.on('requestfailed', ended);
  while (performance.now() < untilMs && (inFlight > 0 || performance.now() - lastMs < quietMs)) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  page.off('request', started);
  page.off('requestfinished', ended);
  page.off('requestfailed', ended);
}

/** True when the promise was fulfilled or rejected in time. */
async function within(limitMs: number, promise: Promise<unknown> | undefined): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), limitMs);
  });
  const done = (promise ?? Promise.resolve()).then(
    () => true,
    () => true,
  );
  const result = await Promise.race([done, late]);
  clearTimeout(timer);
  return result;
}
