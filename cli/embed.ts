/** `lait embed`: makes a vector of every picture and every text of a corpus, by which `lait view` searches by meaning. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Defer, withCleanup } from '../dataset/cleanup.ts';
import { lockFile } from '../dataset/corpus-lock.ts';
import { inBatches } from '../dataset/in-batches.ts';
import type { Ledger } from '../dataset/ledger/ledger.ts';
import { openRawStore, type RawStore } from '../dataset/ledger/raw-store.ts';
import { openLedgerToRead } from '../dataset/ledger/readable.ts';
import {
  isEmbedded,
  isInLedger,
  openVectors,
  putVectors,
  removeGone,
  setVectorModel,
  type VectorStore,
  vectorModel,
} from '../dataset/ledger/vector-store.ts';
import type { Embedding } from '../dataset/scorer.ts';
import { UserError } from '../dataset/user-error.ts';
import type { EmbedFlags } from './call-flags.ts';
import { type CorpusContext, type Nothing, sayWaiting } from './command.ts';
import { readConfig } from './config-file.ts';
import { startProgress } from './progress.ts';
import { openRelevance } from './scorers.ts';
import { count } from './table.ts';
import { tell } from './tell.ts';

/** What a look at the corpus made. */
export interface EmbedSummary {
  readonly model: string;
  readonly pictures: number;
  readonly texts: number;
  /** Pictures that do not decode. */
  readonly undecodable: number;
  /** Vectors of what is no more in the corpus, or has another text now. */
  readonly removed: number;
}

/** Pictures or texts a batch: as many as filters score at once. */
const batchSize = 32;
/** Between two looks at what is new, at least. */
const followMs = 5_000;
/** A look reads all rows, since a picture may come to any of them: it rests so many times as long as it took. Ours. */
const restsPerLook = 10;

export const embed = (context: CorpusContext<EmbedFlags>): Promise<void> =>
  withCleanup(async (defer) => {
    const { corpusDir, flags, signal, print } = context;
    const { relevance, follow, ...others } = flags;
    others satisfies Nothing;
    const { ledger, close } = await openLedgerToRead(corpusDir, { signal, onWait: sayWaiting });
    defer(close);
    defer(lockFile(join(corpusDir, 'vectors.db')));
    const store = openVectors(corpusDir);
    defer(() => store.close());
    const embedding = await openEmbedding({ corpusDir, relevance, store, defer });
    const raw = openRawStore(corpusDir);
    defer(() => raw.close());
    // Changes when another process, or another connection, has written to the ledger.
    const version = (): unknown => ledger.db.pragma('data_version', { simple: true });
    let [seen, beganMs] = [version(), performance.now()];
    let summary = await look({ ledger, raw, store, embedding, signal });
    print(summary, () => summaryLine(summary));
    while (follow) {
      const restMs = Math.max(followMs, restsPerLook * (performance.now() - beganMs));
      await sleep(restMs, undefined, { signal }).catch(() => signal.throwIfAborted());
      checkPlace({ ledger, store });
      const now = version();
      beganMs = performance.now();
      if (now === seen) continue;
      seen = now;
      summary = await look({ ledger, raw, store, embedding, signal });
      if (summary.pictures + summary.texts + summary.removed > 0) tell(`lait: ${summaryLine(summary)}`);
    }
  });

const summaryLine = ({ model, pictures, texts, undecodable, removed }: EmbedSummary): string =>
  `Embedded ${count(pictures)} pictures and ${count(texts)} texts by ${model}` +
  `${undecodable > 0 ? `, ${count(undecodable)} pictures do not decode` : ''}${removed > 0 ? `; removed ${count(removed)} vectors of what is no more` : ''}`;

interface NamedEmbedding extends Embedding {
  readonly model: string;
}

/** The model that is asked for: by the flag, by what the vectors were made with, or by `lait.yaml`. Vectors of another model are removed. */
async function openEmbedding(options: {
  readonly corpusDir: string;
  readonly relevance: string | undefined;
  readonly store: VectorStore;
  readonly defer: Defer;
}): Promise<NamedEmbedding> {
  const { corpusDir, relevance, store, defer } = options;
  const { filter, regions } = readConfig(corpusDir);
  const name = relevance ?? vectorModel(store)?.name ?? filter.relevance;
  if (name === undefined) {
    throw new UserError(
      'Expected a model that embeds but received none; give --relevance a CLIP (a folder or hf://OWNER/NAME), a file of `lait train-relevance` or a run that learned contrast.',
    );
  }
  const { model, embedding } = await embeddingOf(name, { corpusDir, regions, defer });
  const [probe] = await embedding.texts(['a picture']);
  const path = [name, join(corpusDir, name)].find((one) => existsSync(one));
  const kept = path === undefined ? name : resolve(path);
  const removed = setVectorModel(store, { name: kept, model, size: probe!.length });
  if (removed > 0) tell(`lait: ${count(removed)} vectors of another model are removed`);
  return { model, ...embedding };
}

/** Opens a model that embeds. Throws a UserError for one that looks at image and text together. */
export async function embeddingOf(
  name: string,
  {
    corpusDir,
    regions,
    defer,
  }: Pick<Parameters<typeof openRelevance>[1], 'corpusDir' | 'regions'> & { readonly defer: Defer },
): Promise<{ readonly model: string; readonly embedding: Embedding }> {
  const keep = <Model extends { dispose(): void }>(model: Model): Model => {
    defer(() => model.dispose());
    return model;
  };
  const { model, embed: embedding } = await openRelevance(name, { corpusDir, regions, keep });
  if (embedding !== undefined) return { model, embedding };
  throw new UserError(
    `Expected a model that embeds for --relevance but ${name} looks at image and text together; take a CLIP, a file of \`lait train-relevance\` or a run that learned contrast (itc).`,
  );
}

interface Looking {
  readonly ledger: Ledger;
  readonly raw: RawStore;
  readonly store: VectorStore;
  readonly embedding: NamedEmbedding;
  readonly signal: AbortSignal;
}

/** Of a corpus that is gone nothing would ever be new. */
function checkPlace({ ledger, store }: Pick<Looking, 'ledger' | 'store'>): void {
  ledger.checkPlace();
  store.checkPlace();
}

/** Embeds what is new since the last time, and removes what is no more. */
async function look(looking: Looking): Promise<EmbedSummary> {
  const { store, ledger, embedding, signal } = looking;
  checkPlace(looking);
  const isThere = isInLedger(ledger);
  const removed = removeGone(store, isThere);
  const progress = startProgress('Embedding');
  const done = { pictures: 0, texts: 0, undecodable: 0 };
  const update = (): void => progress.update({ done: done.pictures + done.texts, detail: 'pictures and texts' });
  try {
    for (const batch of inBatches(newPictures(looking), batchSize)) {
      signal.throwIfAborted();
      const vectors = await embedding.images(batch.map(({ bytes }) => bytes));
      putVectors(
        store,
        'picture',
        batch.map(({ key }, at) => ({ key, version: '', vector: vectors[at] ?? null })),
        isThere,
      );
      const decoded = vectors.filter((vector) => vector !== null).length;
      done.pictures += decoded;
      done.undecodable += batch.length - decoded;
      update();
    }
    for (const batch of inBatches(newTexts(looking), batchSize)) {
      signal.throwIfAborted();
      const vectors = await embedding.texts(batch.map(({ text }) => text));
      putVectors(
        store,
        'text',
        batch.map(({ key, version }, at) => ({ key, version, vector: vectors[at]! })),
        isThere,
      );
      done.texts += batch.length;
      update();
    }
  } finally {
    progress.stop();
  }
  return { model: embedding.model, ...done, removed };
}

/** Rows of the ledger that are looked at together. */
const rowsAtOnce = 1_000;

/** Stored pictures without a vector, one after the other: a statement of a database may not stay open while others write. */
function* newPictures({ ledger, raw, store }: Looking): Generator<{ key: string; bytes: Buffer }> {
  const isKnown = isEmbedded(store);
  const select = ledger.db.prepare(
    `SELECT id, sha256, segment, offset, byte_length AS byteLength FROM images
     WHERE id > ? AND segment IS NOT NULL AND EXISTS (SELECT 1 FROM pairs p WHERE p.image_id = images.id) ORDER BY id LIMIT ${rowsAtOnce}`,
  );
  const given = new Set<string>();
  for (let after = 0; ; ) {
    const rows = select.all(after) as {
      id: number;
      sha256: string;
      segment: number;
      offset: number;
      byteLength: number;
    }[];
    for (const { id, sha256, ...place } of rows) {
      after = id;
      if (given.has(sha256) || isKnown('picture', sha256, '')) continue;
      // Those of this batch are not in the store yet.
      if (given.size > 2 * batchSize) given.clear();
      given.add(sha256);
      yield { key: sha256, bytes: raw.read(place) };
    }
    if (rows.length < rowsAtOnce) return;
  }
}

/** Texts of stored pictures without a vector, or with that of another text. */
function* newTexts({ ledger, store }: Looking): Generator<{ key: string; version: string; text: string }> {
  const isKnown = isEmbedded(store);
  const select = ledger.db.prepare(
    `SELECT p.rowid AS row, p.id, coalesce(p.cleaned_text, p.text) AS text FROM pairs p JOIN images i ON i.id = p.image_id
     WHERE p.rowid > ? AND i.segment IS NOT NULL ORDER BY p.rowid LIMIT ${rowsAtOnce}`,
  );
  for (let after = 0; ; ) {
    const rows = select.all(after) as { row: number; id: string; text: string }[];
    for (const { row, id, text } of rows) {
      after = row;
      const version = textVersion(text);
      if (text.trim() !== '' && !isKnown('text', id, version)) yield { key: id, version, text };
    }
    if (rows.length < rowsAtOnce) return;
  }
}

const textVersion = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);
