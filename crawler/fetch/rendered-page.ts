/**
 * One page in its own browser context, from its HTML to the page as a visitor leaves it: every request is answered here
 * (a stand-in, a fetch that robots.txt allows, or nothing), the page is scrolled to its end, and its elements are written out.
 */
import type { BrowserContext, CDPSession, Request, Route, WebSocketRoute } from 'playwright';
import { WebSocket } from 'undici';
import { bindingName, inPageScript, worldName } from './in-page.ts';
import type { PartFetcher } from './part-fetch.ts';
import { type DeclaredSize, standInFor } from './stand-ins.ts';

export interface RenderRequest {
  readonly url: string;
  readonly html: string;
  /** Whether robots.txt allows a script, frame, socket or request of the page. */
  readonly allows: (url: string) => Promise<boolean>;
}

/** Whether the time for loading and scrolling is over. */
export type IsLate = () => boolean;

/** What a page did, filled in while it is rendered, so that it is known of pages that fail too. */
export interface PageActs {
  /** How many requests were sent to each origin. */
  readonly requests: Map<string, number>;
  /** Where the page wanted to go: by `location`, forms, meta refresh and `window.open`. */
  readonly links: Set<string>;
  /** Where it went first by itself, in its own window. */
  leftFor: string | null;
  /** It wanted something while nothing may be asked for. */
  isWithheld: boolean;
}

/** A page with no request for so long has loaded, in ms. */
const quietMs = 300;
/** The load event is waited for so long when no request is in flight; a form that is sent while the page is parsed holds it up for ever. */
const maxLoadMs = 5000;
/** Between two screens: longer than the throttles and debounces of lazy loaders that are common; ours, a page that waits longer than this while it is scrolled loses pictures. */
const stepPauseMs = 160;
/** Ours: with 1,800 px a step the pages of 60,000 px and less are seen whole. */
const maxSteps = 40;
const maxHeightPx = 100_000;
const maxHtmlLength = 20_000_000;
/** Ours: a guess at more than any page needs. */
const maxParts = 1000;
const maxPartBytes = 200_000_000;
const maxLinks = 100;
const maxPopups = 10;
const maxSockets = 10;

/** Resolves with the page's HTML; rejects when the page closes, crashes or goes wild. */
export async function visit(
  context: BrowserContext,
  { url, html, allows }: RenderRequest,
  parts: PartFetcher,
  { isLate, acts, signal }: { readonly isLate: IsLate; readonly acts: PageActs; readonly signal: AbortSignal },
): Promise<string> {
  const page = await context.newPage();
  const cdp = await context.newCDPSession(page);
  const world = await openWorld(cdp, acts);
  const traffic = new Traffic();
  let popups = 0;
  const ended = new Promise<never>((_, reject) => {
    page.on('crash', () => reject(new Error('render-crashed')));
    page.on('close', () => reject(new Error('closed')));
    cdp.on('Page.frameNavigated', ({ frame }) => {
      // Its scripts cannot leave it, so another document in its place is one of Chromium's own.
      if (frame.parentId === undefined && frame.url !== 'about:blank' && !isSamePage(frame.url, url)) {
        reject(new Error('left'));
      }
    });
    context.on('page', (popup) => {
      popups += 1;
      if (popups > maxPopups) reject(new Error('popups'));
      void popup.close().catch(() => {});
    });
  });
  ended.catch(() => {});
  context.on('dialog', (dialog) => void dialog.dismiss().catch(() => {}));

  let isServed = false;
  const sizeOf = openSizes(world);
  const answer = async (route: Route): Promise<void> => {
    const request = route.request();
    const frame = frameOf(request);
    const isMain = frame === null || frame === page.mainFrame() || frame.parentFrame() === null;
    if (request.isNavigationRequest() && isMain) {
      if (!isServed && frame === page.mainFrame()) {
        isServed = true;
        return route.fulfill({ status: 200, contentType: 'text/html; charset=utf-8', body: html });
      }
      // Another page, in this window or a new one. 204: the page stays as it is (HTML §7.4.2.2).
      if (request.method() === 'GET') addLink(acts, request.url());
      return route.fulfill({ status: 204 });
    }
    const headers = request.headers();
    const isPrefetch = headers.purpose === 'prefetch' || headers['sec-purpose'] !== undefined;
    const kind = isPrefetch ? 'ping' : request.resourceType();
    const size = kind === 'image' || kind === 'stylesheet' ? await sizeOf(request.url()) : null;
    // A sheet that is checked against a hash fails unless it is the real one.
    const standIn = size === 'checked' ? null : standInFor(kind, request.url(), size, headers.origin);
    if (standIn !== null) return respond(route, standIn);
    traffic.count += 1;
    if (traffic.count > maxParts || traffic.byteLength > maxPartBytes) return route.abort('blockedbyclient');
    const part = await parts.fetch({
      method: request.method(),
      url: request.url(),
      headers,
      body: request.postDataBuffer(),
      allows,
      onRequest: ({ origin }) => acts.requests.set(origin, (acts.requests.get(origin) ?? 0) + 1),
      onWithheld: () => {
        acts.isWithheld = true;
      },
      cookies: async (target) =>
        (await context.cookies(target)).map(({ name, value }) => `${name}=${value}`).join('; '),
      signal,
    });
    if (part === null) return route.abort('blockedbyclient');
    traffic.byteLength += part.body.length;
    return respond(route, { ...part, body: redirectedBody(request, part.url, part.body) });
  };
  await context.route('**/*', async (route) => {
    traffic.start();
    // A page that was closed meanwhile has no request left to answer.
    await answer(route).catch(() => route.abort().catch(() => {}));
    traffic.end();
  });
  // What Playwright sends to a socket of a page whose scripts it does not know yet is lost without an error.
  let setReady = (): void => {};
  const ready = new Promise<void>((resolve) => {
    setReady = resolve;
  });
  let sockets = 0;
  await context.routeWebSocket(/^wss?:/, async (socket) => {
    sockets += 1;
    const isTooMany = sockets > maxSockets;
    traffic.start();
    await ready;
    traffic.end();
    if (isTooMany) await socket.close();
    else await bridge(socket, { allows, parts, acts, traffic, signal });
  });

  const work = async (): Promise<string> => {
    await page.goto(url, { waitUntil: 'commit', timeout: 0 });
    await page.evaluate('0');
    setReady();
    await traffic.quiet(quietMs, isLate);
    await world.run(`lait.loaded(${maxLoadMs})`);
    await traffic.quiet(quietMs, isLate);
    await scrollToEnd(world, traffic, isLate);
    return (await world.run(`lait.html(${maxHtmlLength})`)) as string;
  };
  return Promise.race([work(), ended]);
}

const isSamePage = (a: string, b: string): boolean => URL.canParse(a) && new URL(a).origin === new URL(b).origin;

const respond = (
  route: Route,
  { status, headers, body }: { status: number; headers: Readonly<Record<string, string>>; body: string | Buffer },
): Promise<void> => route.fulfill({ status, headers, body });

/** Null for the first request of a popup, which has no frame yet. */
function frameOf(request: Request) {
  try {
    return request.frame();
  } catch {
    return null;
  }
}

function addLink({ links }: PageActs, url: string): void {
  if (links.size < maxLinks && /^https?:/.test(url)) links.add(url);
}

/**
 * What a redirect led to, under the first URL. The addresses that frames and modules name are relative to the last one: so a
 * frame goes there, and a module passes on what is there.
 */
function redirectedBody(request: Request, url: string, body: Buffer): Buffer {
  if (url === request.url()) return body;
  const target = JSON.stringify(url);
  if (request.resourceType() === 'document') return Buffer.from(`<script>location.replace(${target})</script>`);
  const isModule =
    request.resourceType() === 'script' &&
    /^[^\S\n\r\u2028\u2029]*(?:import|export)\b|[;}]\s*(?:import|export)\s*[{*"']/m.test(body.toString());
  if (!isModule) return body;
  return Buffer.from(`export * from ${target}; import * as all from ${target}; export default all.default;`);
}

/** A WebSocket of the page that robots.txt allows, connected from here; workers' sockets find no network. */
async function bridge(
  socket: WebSocketRoute,
  {
    allows,
    parts,
    acts,
    traffic,
    signal,
  }: {
    readonly allows: RenderRequest['allows'];
    readonly parts: PartFetcher;
    readonly acts: PageActs;
    readonly traffic: Traffic;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const url = new URL(socket.url().replace(/^ws/, 'http'));
  const isAllowed = await allows(url.href).catch(() => false);
  const onWithheld = (): void => {
    acts.isWithheld = true;
  };
  const server = isAllowed ? parts.openSocket(new URL(socket.url()), { signal, onWithheld }) : null;
  if (server === null) {
    await socket.close({ code: 1008 });
    return;
  }
  acts.requests.set(url.origin, (acts.requests.get(url.origin) ?? 0) + 1);
  server.binaryType = 'arraybuffer';
  const early: (string | Buffer)[] = [];
  // Connecting belongs to loading; a server that says nothing afterwards is not waited for.
  traffic.start();
  let isLoading = true;
  const loaded = (): void => {
    if (isLoading) traffic.end();
    isLoading = false;
  };
  const close = (): void => {
    loaded();
    void socket.close().catch(() => {});
  };
  socket.onMessage((message) => {
    if (server.readyState === WebSocket.CONNECTING && early.length < 100) early.push(message);
    else if (server.readyState === WebSocket.OPEN) server.send(message);
  });
  socket.onClose(() => server.close());
  server.addEventListener('open', () => {
    loaded();
    for (const message of early.splice(0)) server.send(message);
  });
  server.addEventListener('message', ({ data }) => {
    socket.send(typeof data === 'string' ? data : Buffer.from(data as ArrayBuffer));
  });
  server.addEventListener('close', close);
  server.addEventListener('error', close);
}

/** The requests of a page that are being answered. */
class Traffic {
  count = 0;
  byteLength = 0;
  #inFlight = 0;
  #lastMs = performance.now();

  start(): void {
    this.#inFlight += 1;
    this.#lastMs = performance.now();
  }

  end(): void {
    this.#inFlight -= 1;
    this.#lastMs = performance.now();
  }

  /** Waits until no request has been in flight for so long, at most until it is late. */
  async quiet(forMs: number, isLate: IsLate): Promise<void> {
    while (!isLate() && (this.#inFlight > 0 || performance.now() - this.#lastMs < forMs)) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

interface World {
  /** Evaluates an expression where `inPageScript` ran. */
  run(expression: string): Promise<unknown>;
}

/** The isolated world of the page's main frame; it reports where the page wanted to go. */
async function openWorld(cdp: CDPSession, acts: PageActs): Promise<World> {
  const { frameTree } = await cdp.send('Page.getFrameTree');
  const contextId = new Promise<number>((resolve) => {
    cdp.on('Runtime.executionContextCreated', ({ context: { id, name, auxData } }) => {
      if (name === worldName && auxData?.frameId === frameTree.frame.id) resolve(id);
    });
  });
  cdp.on('Runtime.bindingCalled', ({ name, payload }) => {
    if (name !== bindingName) return;
    addLink(acts, payload);
    if (acts.links.has(payload)) acts.leftFor ??= payload;
  });
  await cdp.send('Page.enable');
  await cdp.send('Runtime.enable');
  await cdp.send('Runtime.addBinding', { name: bindingName, executionContextName: worldName });
  await cdp.send('Page.addScriptToEvaluateOnNewDocument', { source: inPageScript, worldName });
  return {
    run: async (expression) => {
      const { result, exceptionDetails } = await cdp.send('Runtime.evaluate', {
        expression,
        awaitPromise: true,
        returnByValue: true,
        contextId: await contextId,
      });
      if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
      return result.value;
    },
  };
}

type Declared = Readonly<Record<string, DeclaredSize | { readonly checked: true } | undefined>>;

/** What the page declares of a picture or style sheet; those that are asked for together are looked up together. */
function openSizes(world: World): (url: string) => Promise<DeclaredSize | 'checked' | null> {
  let batch: { urls: string[]; found: Promise<Declared> } | undefined;
  return async (url) => {
    if (batch === undefined) {
      const urls: string[] = [];
      const found = new Promise((resolve) => setTimeout(resolve, 5)).then(() => {
        batch = undefined;
        return world.run(`lait.sizes(${JSON.stringify(urls)})`) as Promise<Declared>;
      });
      batch = { urls, found };
    }
    batch.urls.push(url);
    const declared = (await batch.found.catch(() => ({}) as Declared))[url];
    if (declared === undefined) return null;
    return 'checked' in declared ? 'checked' : declared;
  };
}

/** Down screen by screen until nothing new comes. */
async function scrollToEnd(world: World, traffic: Traffic, isLate: IsLate): Promise<void> {
  let elementsAtEnd = -1;
  for (let step = 0; step < maxSteps && !isLate(); step += 1) {
    const { atEnd, heightPx, elements } = (await world.run(`lait.scroll(${stepPauseMs})`)) as {
      atEnd: boolean;
      heightPx: number;
      elements: number;
    };
    await traffic.quiet(atEnd ? quietMs : 0, isLate);
    if (heightPx > maxHeightPx || (atEnd && elements === elementsAtEnd)) return;
    elementsAtEnd = atEnd ? elements : -1;
  }
}
