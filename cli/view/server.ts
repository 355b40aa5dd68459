/**
 * The server of the workbench: the page, its files, and what it asks of the corpus. It reads the ledger only, so that it works while a
 * crawl or a filter writes; the one thing that it can change is `lait.yaml`, where it was allowed to.
 */
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createAdaptorServer } from '@hono/node-server';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { HTTPException } from 'hono/http-exception';
import { streamSSE } from 'hono/streaming';
import Tinypool from 'tinypool';
import { z } from 'zod';
import { browse } from '../../dataset/ledger/browse.ts';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { openRawStore } from '../../dataset/ledger/raw-store.ts';
import { type ReadableDatabases, readableDatabases } from '../../dataset/ledger/readable.ts';
import { pictureClasses, textSources } from '../../dataset/pair.ts';
import { UserError } from '../../dataset/user-error.ts';
import { numbersOf, type RecipeNumbers } from '../../filters/presets.ts';
import { readConfig } from '../config-file.ts';
import { tell } from '../tell.ts';
import type { CorpusFacts, Move, Threshold } from './counting.ts';
import { guard, newToken } from './guard.ts';
import { sendPicture } from './pictures.ts';
import { isFilterSetting, writeFilterSetting } from './setting.ts';
import { shownStory } from './story.ts';

export interface WorkbenchOptions {
  readonly corpusDir: string;
  /** On 127.0.0.1; 0 is a free one. */
  readonly port?: number;
  /** Whether the page may change `lait.yaml`. */
  readonly mayEdit?: boolean;
}

export interface Workbench {
  /** The address with its token: whoever has it may look. */
  readonly url: string;
  close(): Promise<void>;
}

/** A threshold as the page shows it. */
export interface ShownThreshold extends Threshold {
  /** What `lait.yaml`, or the preset that it names, says now: the next `lait filter` judges with it. */
  readonly configured: number | null;
  /** Whether `lait.yaml` has such a setting. */
  readonly canBeSet: boolean;
}

const pairQuery = z.object({
  verdict: z.enum(['kept', 'dropped', 'unjudged']).optional(),
  rule: z.string().max(100).optional(),
  reason: z.string().max(200).optional(),
  language: z.string().max(10).optional(),
  host: z.string().max(300).optional(),
  source: z.enum(textSources).optional(),
  class: z.enum(pictureClasses).optional(),
  words: z.string().max(200).optional(),
  before: z.coerce.number().int().positive().optional(),
});
const moveQuery = z.object({ rule: z.string().max(100), to: z.coerce.number() });
const change = z.strictObject({ setting: z.string(), value: z.number() });

/** Words of a search that are looked at. */
const maxWords = 8;

/** Between two looks at what goes on. */
const liveMs = 2_000;

/** Bytes of a request to change something. */
const maxBodyBytes = 10_000;

const types: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};

/** Files that the page loads, by their paths in URLs: no path of a request reaches the disk. */
function pageFiles(): ReadonlyMap<string, string> {
  const folder = join(import.meta.dirname, 'page');
  const own = readdirSync(folder).filter((name) => /\.(js|css|svg)$/.test(name));
  const lit = ['lit-html.js', 'directive.js', 'directive-helpers.js', 'directives/live.js', 'directives/repeat.js'];
  return new Map([
    ['/', join(folder, 'index.html')],
    ...own.map((name) => [`/page/${name}`, join(folder, name)] as const),
    ...lit.map((name) => [`/node_modules/lit-html/${name}`, join(packageFolder('lit-html'), name)] as const),
  ]);
}

/** Where a package lies: its `exports` give Node.js other files than browsers. */
function packageFolder(name: string): string {
  let folder = dirname(fileURLToPath(import.meta.resolve(name)));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

/**
 * Opens the workbench of a corpus; one that may not be written is read as it is now. Throws a UserError where there is no corpus, for a ledger of another version of lait, and for a port
 * that is taken.
 */
export async function openWorkbench({ corpusDir, port = 0, mayEdit = false }: WorkbenchOptions): Promise<Workbench> {
  const databases = await readableDatabases(corpusDir, ['ledger.db', 'frontier.db']);
  const ledger = openedIn(databases);
  const raw = openRawStore(corpusDir);
  const pool = new Tinypool({
    filename: new URL('./thread.mjs', import.meta.url).href,
    minThreads: 1,
    maxThreads: 1,
    execArgv: [],
  });
  const ending = new AbortController();
  const close = async (): Promise<void> => {
    ending.abort();
    await pool.destroy();
    raw.close();
    ledger.close();
    databases.remove();
  };
  const ask = <T>(name: string, what: object = {}): Promise<T> =>
    pool.run({ corpusDir, databases: databases.folder, ...what }, { name });
  const token = newToken();
  let boundPort = 0;
  const app = workbenchApp({
    corpusDir,
    mayEdit,
    ledger,
    raw,
    ask,
    token,
    port: () => boundPort,
    ending: ending.signal,
  });
  const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false });
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  } catch (error) {
    await close();
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new UserError(`Expected a free port for --port but ${port} is in use; name another, or leave it out.`);
  }
  boundPort = (server.address() as AddressInfo).port;
  return {
    url: `http://127.0.0.1:${boundPort}/?token=${token}`,
    async close() {
      server.close();
      if ('closeAllConnections' in server) server.closeAllConnections();
      await close();
    },
  };
}

function openedIn({ folder, remove }: ReadableDatabases): Ledger {
  try {
    return Ledger.openReadOnly(folder);
  } catch (error) {
    remove();
    throw error;
  }
}

/** A path as a shell takes it. */
const quoted = (path: string): string => (/^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`);

interface AppOptions {
  readonly corpusDir: string;
  readonly mayEdit: boolean;
  readonly ledger: Ledger;
  readonly raw: ReturnType<typeof openRawStore>;
  /** Asks the thread that reads whole tables. */
  readonly ask: <T>(name: string, what?: object) => Promise<T>;
  readonly token: string;
  readonly port: () => number;
  /** Aborted when the workbench ends. */
  readonly ending: AbortSignal;
}

function workbenchApp({ corpusDir, mayEdit, ledger, raw, ask, token, port, ending }: AppOptions): Hono {
  const app = new Hono();
  app.use(guard({ token, port }));
  app.onError((error, context) => {
    if (error instanceof HTTPException) return context.json({ error: error.message }, error.status);
    if (error instanceof z.ZodError || error instanceof UserError) return context.json({ error: error.message }, 400);
    tell(`lait: ${error.stack ?? error.message}`);
    return context.json({ error: error.message }, 500);
  });

  for (const [path, file] of pageFiles()) {
    app.get(path, (context) => {
      context.header('content-type', types[file.split('.').at(-1)!]!);
      return context.body(readFileSync(file, 'utf8'));
    });
  }

  app.get('/api/corpus', async (context) => {
    const facts = await ask<CorpusFacts>('corpusFacts');
    return context.json({ name: basename(resolve(corpusDir)), mayEdit, ...facts });
  });

  app.get('/api/pairs', (context) => {
    const { before = null, words, ...choice } = pairQuery.parse(context.req.query());
    const list = words?.split(/\s+/).filter((word) => word !== '') ?? [];
    return context.json(browse(ledger, { ...choice, words: list.slice(0, maxWords) }, { before }));
  });

  app.get('/api/pairs/:id{[0-9a-f]{32}}', (context) => {
    const story = shownStory(ledger, corpusDir, context.req.param('id'));
    return story === null
      ? context.json({ error: 'There is no pair with this id any more.' }, 404)
      : context.json(story);
  });

  app.get('/picture/:id{[0-9a-f]{32}}/:size{small|whole}', (context) => {
    const { id, size } = context.req.param();
    return sendPicture(context, { ledger, raw }, id, size === 'small' ? 'small' : 'whole');
  });

  app.get('/api/thresholds', async (context) => {
    const list = await ask<Threshold[]>('thresholds');
    const { filter } = readConfig(corpusDir);
    const preset = numbersOf(filter.preset);
    const shown: ShownThreshold[] = list.map((one) => {
      const canBeSet = isFilterSetting(one.setting);
      const given = canBeSet ? (filter as Readonly<Record<string, unknown>>)[one.setting] : undefined;
      const value = given ?? preset[one.setting as keyof RecipeNumbers].value;
      return { ...one, canBeSet, configured: typeof value === 'number' ? value : null };
    });
    return context.json(shown);
  });

  app.get('/api/thresholds/move', async (context) => {
    const moved = await ask<Move | null>('move', moveQuery.parse(context.req.query()));
    return moved === null
      ? context.json({ error: 'The corpus was judged without this rule.' }, 404)
      : context.json(moved);
  });

  for (const [path, question] of [
    ['/api/crawl', 'crawlFacts'],
    ['/api/runs', 'runFacts'],
  ] as const) {
    app.get(path, async (context) => context.json(await ask<object>(question)));
    // What has changed is sent every few seconds, as long as somebody looks (server-sent events).
    app.get(`${path}/live`, (context) =>
      streamSSE(
        context,
        async (stream) => {
          for (let last = ''; !stream.aborted && !stream.closed; ) {
            const data = JSON.stringify(await ask<object>(question));
            if (data !== last) await stream.writeSSE({ data });
            last = data;
            await stream.sleep(liveMs);
          }
        },
        // The page opens another one; what asks while the workbench ends has nobody to answer it.
        async (error) => {
          if (!ending.aborted) tell(`lait: ${error.stack ?? error.message}`);
        },
      ),
    );
  }

  app.post('/api/settings', bodyLimit({ maxSize: maxBodyBytes }), async (context) => {
    if (!mayEdit) return context.json({ error: 'Nothing can be changed without `lait view --edit`.' }, 403);
    const { setting, value } = change.parse(await context.req.json().catch(() => null));
    if (!isFilterSetting(setting)) return context.json({ error: `lait.yaml has no filter.${setting}.` }, 400);
    const path = writeFilterSetting(corpusDir, setting, value);
    return context.json({ path, command: `lait filter --corpus ${quoted(corpusDir)}` });
  });

  return app;
}
