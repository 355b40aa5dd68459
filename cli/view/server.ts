/**
 * The server of the workbench: the page, its files, and what it asks of the corpus. It works while a crawl or a filter writes, and changes
 * nothing unless it was allowed to: then `lait.yaml` and the labels of pairs.
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { basename, join, resolve } from 'node:path';
import { createAdaptorServer } from '@hono/node-server';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { HTTPException } from 'hono/http-exception';
import { streamSSE } from 'hono/streaming';
import Tinypool, { type Options as TinypoolOptions } from 'tinypool';
import { z } from 'zod';
import { browse, sideSteps } from '../../dataset/ledger/browse.ts';
import type { Stratum } from '../../dataset/ledger/label-sample.ts';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { openRawStore } from '../../dataset/ledger/raw-store.ts';
import { type ReadableDatabases, readableDatabases } from '../../dataset/ledger/readable.ts';
import { hasVectors, vectorKinds } from '../../dataset/ledger/vector-store.ts';
import { pictureClasses, textSources } from '../../dataset/pair.ts';
import { samePlace } from '../../dataset/same-place.ts';
import { receivedError, type SentError } from '../../dataset/sent-error.ts';
import { expected, UserError } from '../../dataset/user-error.ts';
import { numbersOf, type RecipeNumbers } from '../../filters/presets.ts';
import { readConfig } from '../config-file.ts';
import { faultOf } from '../fault.ts';
import { tell } from '../tell.ts';
import { maxBodyBytes, mayNotEdit } from './changes.ts';
import type { CorpusFacts, Move, Threshold } from './counting.ts';
import { guard, newToken } from './guard.ts';
import { addLabelRoutes } from './labels.ts';
import type { Found, MeaningFacts } from './meaning.ts';
import { addPageFiles } from './page-files.ts';
import { sendPicture } from './pictures.ts';
import { runFolders } from './run-folders.ts';
import type { RunFilled, RunFound } from './seen-by-run.ts';
import type { Sentence } from './sentence.ts';
import { isFilterSetting, writeFilterSetting } from './setting.ts';
import { shownStory } from './story.ts';
import type { ShownPreview, Taken } from './takedowns.ts';
import { modelBeside } from './threshold-model.ts';

export interface WorkbenchOptions {
  readonly corpusDir: string;
  /** On 127.0.0.1; 0 is a free one. */
  readonly port?: number;
  /** Whether the page may change `lait.yaml` and label pairs. */
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
  verdict: z.enum(['kept', 'dropped', 'unjudged', 'gone']).optional(),
  rule: z.string().max(100).optional(),
  reason: z.string().max(200).optional(),
  language: z.string().max(10).optional(),
  host: z.string().max(300).optional(),
  source: z.enum(textSources).optional(),
  class: z.enum(pictureClasses).optional(),
  side: z.coerce.number().pipe(z.literal(sideSteps)).optional(),
  words: z.string().max(200).optional(),
  before: z.coerce.number().int().positive().optional(),
});
const moveQuery = z.object({ rule: z.string().max(100), to: z.coerce.number() });
const meaningQuery = z
  .object({
    words: z.string().trim().min(1).max(500).optional(),
    pair: z
      .string()
      .regex(/^[0-9a-f]{32}$/)
      .optional(),
    find: z.enum(vectorKinds),
  })
  .refine(({ words, pair }) => (words === undefined) !== (pair === undefined), 'Expected words or a pair');
const runQuery = z.object({ run: z.string().max(300), from: z.coerce.number().int().nonnegative().default(0) });
const takedownBody = z.strictObject({ names: z.string(), note: z.string().max(1_000).optional() });
const change = z.strictObject({ setting: z.string(), value: z.number() });

/** Bytes of names that are to be taken down: some thousands of URLs. */
const maxNamesBytes = 1_000_000;

/** Words of a search that are looked at. */
const maxWords = 8;

/** Between two looks at what goes on. */
const liveMs = 2_000;

/**
 * Opens the workbench of a corpus; one that may not be written is read as it is now. Throws a UserError where there is no corpus, for a ledger of another version of lait, and for a port
 * that is taken.
 */
export async function openWorkbench({ corpusDir, port = 0, mayEdit = false }: WorkbenchOptions): Promise<Workbench> {
  const ending = new AbortController();
  const databases = await readableDatabases(corpusDir, ['ledger.db', 'frontier.db']);
  const { ledger, writable } = openedIn(databases, { corpusDir, mayEdit, signal: ending.signal });
  const raw = openRawStore(corpusDir);
  const shared = { corpusDir, databases: databases.folder };
  const counting = threads(shared);
  // Who searches by meaning waits for a model, and holds much.
  const searching = threads(shared);
  // Takedowns read whole exports and wait for who writes: nobody else waits for them.
  const takingDown = threads(shared, { maxThreads: 2 });
  const runs = threads(shared, ofRuns);
  const close = async (): Promise<void> => {
    ending.abort();
    await Promise.all([counting.end(), searching.end(), takingDown.end(), runs.end()]);
    raw.close();
    ledger.close();
    writable?.close();
    databases.remove();
  };
  const token = newToken();
  let boundPort = 0;
  const app = workbenchApp({
    corpusDir,
    // Of a copy the corpus is elsewhere.
    checkPlace: databases.isCopy ? samePlace(join(corpusDir, 'ledger.db')) : ledger.checkPlace,
    ledger,
    writable,
    raw,
    ask: counting.ask,
    find: searching.ask,
    takeDown: takingDown.ask,
    askRun: runs.ask,
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

/**
 * A model in a process of its own: its memory comes back when nobody has asked for a minute, and the cards are left to whoever trains on
 * them.
 */
const ofRuns: Partial<TinypoolOptions> = {
  runtime: 'child_process',
  minThreads: 0,
  idleTimeout: 60_000,
  env: { ...(process.env as Record<string, string>), CUDA_VISIBLE_DEVICES: '-1' },
};

/** Asks a thread, or more when it is busy. */
type Ask = <T>(name: string, what?: object) => Promise<T>;

/** Threads that are told `shared` with each question; they begin with the first one. */
function threads(
  shared: object,
  options: Partial<TinypoolOptions> = {},
): { readonly ask: Ask; readonly end: () => Promise<void> | undefined } {
  let pool: Tinypool | undefined;
  return {
    async ask(name, what = {}) {
      if (pool === undefined) {
        pool = new Tinypool({
          filename: new URL('./thread.mjs', import.meta.url).href,
          minThreads: 1,
          maxThreads: 1,
          execArgv: [],
          ...options,
        });
        // One that ends while nobody has asked it is missed by nobody.
        pool.on('error', (error: Error) => tell(`lait: ${error.message}`));
      }
      const answer: { readonly value: never } | { readonly failed: SentError } = await pool.run(
        { ...shared, ...what },
        { name },
      );
      if ('failed' in answer) throw receivedError(answer.failed);
      return answer.value;
    },
    end: () => pool?.destroy(),
  };
}

/** The ledger for reading, and for what may be changed. With `mayEdit` one of an older lait is brought to this version first. */
function openedIn(
  { folder, isCopy, remove }: ReadableDatabases,
  {
    corpusDir,
    mayEdit,
    signal,
  }: { readonly corpusDir: string; readonly mayEdit: boolean; readonly signal: AbortSignal },
): { readonly ledger: Ledger; readonly writable: Ledger | null } {
  let writable: Ledger | null = null;
  try {
    if (mayEdit && isCopy) throw expected('a corpus that may be written', 'edit', corpusDir, 'leave --edit out');
    writable = mayEdit ? Ledger.openExisting(corpusDir, { signal }) : null;
    return { ledger: Ledger.openReadOnly(folder), writable };
  } catch (error) {
    writable?.close();
    remove();
    throw error;
  }
}

/** A path as a shell takes it. */
const quoted = (path: string): string => (/^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`);

interface AppOptions {
  readonly corpusDir: string;
  /** Throws a UserError where the corpus is not there any more. */
  readonly checkPlace: () => void;
  readonly ledger: Ledger;
  /** The same ledger for what may be changed; null where nothing may. */
  readonly writable: Ledger | null;
  readonly raw: ReturnType<typeof openRawStore>;
  /** Asks the thread that reads whole tables. */
  readonly ask: Ask;
  /** Asks the thread that searches by meaning. */
  readonly find: Ask;
  /** Asks the threads that take down. */
  readonly takeDown: Ask;
  /** Asks the process that has the model of a run. */
  readonly askRun: Ask;
  readonly token: string;
  readonly port: () => number;
  /** Aborted when the workbench ends. */
  readonly ending: AbortSignal;
}

/** A page asks again and again: the terminal is told of a fault once while a question fails by it. */
interface FaultTeller {
  /** Returns the fault in a line for the page. */
  readonly tell: (path: string, error: Error) => string;
  /** A question was answered: the same fault would be another one. */
  readonly answered: (path: string) => void;
}

function faultTeller(): FaultTeller {
  const failing = new Map<string, string>();
  return {
    tell(path, error) {
      const { line, isOurs } = faultOf(error);
      const text = isOurs ? (error.stack ?? error.message) : line;
      if (![...failing.values()].includes(text)) tell(`lait: ${text}`);
      failing.set(path, text);
      return isOurs ? error.message : line;
    },
    answered: (path) => void failing.delete(path),
  };
}

function workbenchApp({
  corpusDir,
  checkPlace,
  ledger,
  writable,
  raw,
  ask,
  find,
  takeDown,
  askRun,
  token,
  port,
  ending,
}: AppOptions): Hono {
  const mayEdit = writable !== null;
  const faults = faultTeller();
  const app = new Hono();
  app.use(guard({ token, port }));
  app.onError((error, context) => {
    // What asks while the workbench ends has nobody to answer it.
    if (ending.aborted) return context.text('The workbench ends.', 503);
    if (error instanceof HTTPException) return context.json({ error: error.message }, error.status);
    if (error instanceof z.ZodError || error instanceof UserError) return context.json({ error: error.message }, 400);
    return context.json({ error: faults.tell(context.req.path, error) }, 500);
  });
  app.use(async (context, next) => {
    await next();
    // What goes on answering says so itself.
    if (context.error === undefined && !context.req.path.endsWith('/live')) faults.answered(context.req.path);
  });

  addPageFiles(app);

  app.use('/api/*', (_, next) => {
    // What is open would be shown on and on.
    checkPlace();
    return next();
  });

  app.get('/api/corpus', async (context) => {
    const facts = await ask<CorpusFacts>('corpusFacts');
    return context.json({ name: basename(resolve(corpusDir)), mayEdit, hasVectors: hasVectors(corpusDir), ...facts });
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

  addLabelRoutes(app, { ledger, writable, draw: (what) => ask<Stratum[]>('labelSample', what) });

  const asked = bodyLimit({ maxSize: maxNamesBytes });
  app.post('/api/takedown/preview', asked, async (context) => {
    const what = takedownBody.pick({ names: true }).parse(await context.req.json().catch(() => null));
    const preview = await takeDown<ShownPreview>('takedownPreview', what);
    return context.json(preview, 'error' in preview ? 400 : 200);
  });
  app.post('/api/takedown', asked, async (context) => {
    if (!mayEdit) return mayNotEdit(context);
    const what = takedownBody.parse(await context.req.json().catch(() => null));
    const done = await takeDown<Taken>('takeDown', what);
    await ask('forgetKnown');
    return context.json(done, 'error' in done ? 400 : 200);
  });

  for (const [path, question] of [
    ['/api/runs/filled', 'filledByRun'],
    ['/api/runs/found', 'foundByRun'],
  ] as const) {
    app.get(path, async (context) => {
      const what = runQuery.parse(context.req.query());
      // Nothing but the name of a folder in runs/ gets any further.
      if (!runFolders(corpusDir).some(({ name }) => name === what.run))
        return context.json({ error: 'This corpus has no run of this name any more.' }, 404);
      // What is not there yet is an answer as well.
      return context.json(await askRun<RunFilled | RunFound | Sentence>(question, what));
    });
  }

  app.get('/api/meaning', async (context) => context.json(await find<MeaningFacts | null>('meaningFacts')));

  app.get('/api/meaning/found', async (context) => {
    const found = await find<Found>('findByMeaning', meaningQuery.parse(context.req.query()));
    return 'error' in found ? context.json(found, 404) : context.json(found.pairs);
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
            faults.answered(context.req.path);
            if (data !== last) await stream.writeSSE({ data });
            last = data;
            await stream.sleep(liveMs);
          }
        },
        // The page opens another one; what asks while the workbench ends has nobody to answer it.
        async (error) => {
          if (!ending.aborted) faults.tell(context.req.path, error);
        },
      ),
    );
  }

  app.post('/api/settings', bodyLimit({ maxSize: maxBodyBytes }), async (context) => {
    if (!mayEdit) return mayNotEdit(context);
    const { setting, value } = change.parse(await context.req.json().catch(() => null));
    if (!isFilterSetting(setting)) return context.json({ error: `lait.yaml has no filter.${setting}.` }, 400);
    if (setting === 'minRelevance') {
      const model = modelBeside(ledger, readConfig(corpusDir).filter.relevance);
      if (model !== undefined) writeFilterSetting(corpusDir, 'relevance', model);
    }
    const path = writeFilterSetting(corpusDir, setting, value);
    return context.json({ path, command: `lait filter --corpus ${quoted(corpusDir)}` });
  });

  return app;
}
