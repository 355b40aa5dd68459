/**
 * Search by meaning, in a thread of its own: it holds the codes of all vectors and, once words are asked for, the model that embeds them.
 * `databases` is the folder where the ledger is read.
 */

import type { BrowsedPair } from '../../dataset/ledger/browse.ts';
import { browsedColumns } from '../../dataset/ledger/browse.ts';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { openVectorSearch, type VectorSearch } from '../../dataset/ledger/vector-search.ts';
import { hasVectors, openVectorsToRead, type VectorKind, vectorModel } from '../../dataset/ledger/vector-store.ts';
import type { Embedding } from '../../dataset/scorer.ts';
import { UserError } from '../../dataset/user-error.ts';
import { readConfig } from '../config-file.ts';
import { orSentence, type Sentence } from './sentence.ts';

/** What can be searched. */
export interface MeaningFacts {
  /** What the operator called the model. */
  readonly name: string;
  readonly model: string;
  readonly pictures: number;
  readonly texts: number;
}

/** A pair and how near it is. */
export interface FoundPair extends BrowsedPair {
  readonly similarity: number;
}

/** By what to search: words, or the picture of a pair; and for what. */
export interface MeaningQuery {
  readonly corpusDir: string;
  readonly databases: string;
  readonly words?: string | undefined;
  readonly pair?: string | undefined;
  readonly find: VectorKind;
}

/** Pairs that a search gives, at most. */
const maxFound = 60;

interface Opened {
  readonly ledger: Ledger;
  readonly search: VectorSearch;
  readonly facts: () => MeaningFacts;
  /** Of what it was opened: another model makes another search. */
  readonly model: string;
  readonly close: () => void;
}

let opened: Opened | null = null;
let embedding: { readonly model: string; readonly embedding: Embedding } | null = null;

/** Null where the corpus has no vectors. */
function open({ corpusDir, databases }: Pick<MeaningQuery, 'corpusDir' | 'databases'>): Opened | null {
  if (opened !== null && !hasVectors(corpusDir)) close();
  const store = opened === null ? openVectorsToRead(corpusDir) : null;
  if (store !== null) {
    const count = store.db.prepare('SELECT count(*) FROM codes WHERE kind = ?').pluck();
    const ledger = Ledger.openReadOnly(databases);
    opened = {
      ledger,
      search: openVectorSearch(store),
      model: vectorModel(store)?.model ?? '',
      facts: () => ({
        ...(vectorModel(store) ?? { name: '', model: '' }),
        pictures: count.get('picture') as number,
        texts: count.get('text') as number,
      }),
      close: () => {
        store.close();
        ledger.close();
      },
    };
  }
  // `lait embed` began anew by another model.
  if (opened !== null && opened.facts().model !== opened.model) {
    close();
    return open({ corpusDir, databases });
  }
  return opened;
}

function close(): void {
  opened?.close();
  opened = null;
  embedding = null;
}

/** What can be searched; null where the corpus has no vectors. */
export function meaningFacts(where: Pick<MeaningQuery, 'corpusDir' | 'databases'>): MeaningFacts | null {
  const facts = open(where)?.facts() ?? null;
  return facts === null || facts.pictures + facts.texts === 0 ? null : facts;
}

/** What a search gives: pairs, or a sentence for people. */
export type Found = { readonly pairs: readonly FoundPair[] } | Sentence;

/** The nearest pairs, the nearest first: one for each picture, or for each text. */
export const findByMeaning = (query: MeaningQuery): Promise<Found> =>
  orSentence(async () => {
    const pairs = await nearestPairs(query);
    return pairs === null ? { error: 'This has no vector yet: run `lait embed`.' } : { pairs };
  });

/** Null where the pair has no vector, or the corpus has none. */
async function nearestPairs(query: MeaningQuery): Promise<FoundPair[] | null> {
  const { words, pair, find } = query;
  const now = open(query);
  if (now === null) return null;
  const { search, ledger } = now;
  const sha256 = pair === undefined ? undefined : pictureOf(ledger, pair);
  const vector = words !== undefined ? await vectorOfWords(query, words) : search.vectorOf('picture', sha256 ?? '');
  if (vector === null) return null;
  const near = search.nearest(find, vector, maxFound + 1);
  const select = ledger.statement(
    find === 'picture'
      ? `SELECT ${browsedColumns} FROM images i JOIN pairs p ON p.image_id = i.id WHERE i.sha256 = ?
         ORDER BY p.judged_by IS NULL OR p.dropped_by IS NOT NULL, p.source_rank, p.id LIMIT 1`
      : `SELECT ${browsedColumns} FROM pairs p JOIN images i ON i.id = p.image_id WHERE p.id = ?`,
  );
  const found: FoundPair[] = [];
  for (const { key, similarity } of near) {
    // Of a picture it is known that it is like itself.
    if (find === 'picture' && key === sha256) continue;
    const shown = select.get(key) as BrowsedPair | undefined;
    if (shown !== undefined) found.push({ ...shown, similarity });
  }
  return found.slice(0, maxFound);
}

const pictureOf = (ledger: Ledger, pair: string): string | undefined =>
  ledger
    .statement('SELECT i.sha256 FROM pairs p JOIN images i ON i.id = p.image_id WHERE p.id = ?')
    .pluck()
    .get(pair) as string | undefined;

/** The vector of words, by the model that made the others. */
async function vectorOfWords({ corpusDir, databases }: MeaningQuery, words: string): Promise<Float32Array | null> {
  const facts = meaningFacts({ corpusDir, databases });
  if (facts === null) return null;
  if (embedding === null) {
    // Late: models bring TensorFlow with them.
    const { embeddingOf } = await import('../embed.ts');
    const { regions } = readConfig(corpusDir);
    embedding = await embeddingOf(facts.name, { corpusDir, regions, defer: () => {} });
  }
  if (embedding.model !== facts.model) {
    embedding = null;
    throw new UserError(`${facts.name} is another model than the one that made the vectors; run \`lait embed\` again.`);
  }
  const [vector] = await embedding.embedding.texts([words]);
  return vector ?? null;
}
