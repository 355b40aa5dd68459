/**
 * What the filters have said, kept in the ledger: which recipe judged a pair, the first rule that dropped it and why,
 * and every score. A recipe is its ordered list of rules with all their settings; its identity is the hash of that list,
 * so a moved threshold is another recipe and everything is judged again, from the ledger alone (DataComp's idea: a score
 * is stored, a threshold is a query). The export reads `keptSamples`, the reports read `funnel`.
 */
import { createHash } from 'node:crypto';
import type { Pair, Sample, TextSource } from '../pair.ts';
import type { Ledger } from './ledger.ts';

/** A rule as the ledger remembers it, in the order of judging. */
export interface RuleRecord {
  /** `image/size`; unique within a recipe. */
  readonly name: string;
  /** The order of judging: the download lies between text and image, `match` looks at both. */
  readonly stage: 'text' | 'image' | 'match' | 'corpus';
  /** Every threshold of the rule: what, when changed, makes it another rule. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** A downloaded sample and where its original bytes lie in `raw/`. */
export interface StoredSample extends Sample {
  /** 1 for a still image. */
  readonly frames: number;
  readonly segment: number;
  readonly offset: number;
}

/** One pair to be judged. */
export interface PairToJudge {
  /** Its place in the table of pairs. */
  readonly row: number;
  readonly pair: Pair;
  /** Present when the image was downloaded and decoded. */
  readonly sample: StoredSample | null;
  /** Why there is no sample, in kebab-case (`pending`: not fetched yet); null when there is one. */
  readonly missing: string | null;
  /** What an earlier recipe said of it, null when it was never judged or has changed since. */
  readonly before: {
    readonly recipe: number;
    readonly droppedBy: string | null;
    readonly reason: string | null;
    readonly cleanedText: string | null;
  } | null;
}

/** What a recipe said of one pair. */
export interface PairVerdict {
  readonly id: string;
  /** `PairToJudge.row`, when known: finds the pair faster than its id does. */
  readonly row?: number;
  /** The first rule that dropped it, `download` when there is no image to judge, null when it survives. */
  readonly droppedBy: string | null;
  readonly reason: string | null;
  /** The text after cleaning; left out when cleaning changed nothing. */
  readonly cleanedText?: string;
  readonly scores?: readonly Score[];
}

/** A rule's number for a pair (`subject` is the pair's id) or for an image (`subject` is its SHA-256). */
export interface Score {
  readonly subject: string;
  readonly rule: string;
  readonly score: number;
}

/** One step of the funnel: `entered - dropped = kept`, and `kept` enters the next step. */
export interface FunnelRow {
  readonly rule: string;
  readonly stage: RuleRecord['stage'] | 'download';
  readonly entered: number;
  readonly dropped: number;
  readonly kept: number;
  /** Most frequent first, ties by name. */
  readonly reasons: readonly { readonly reason: string; readonly count: number }[];
}

/** What became of all pairs: found = unjudged + what enters the first row; what leaves the last row is kept. */
export interface Funnel {
  readonly found: number;
  readonly unjudged: number;
  readonly kept: number;
  readonly rows: readonly FunnelRow[];
}

/** A survivor as the export wants it: its text is the cleaned one. */
export interface KeptSample extends StoredSample {
  readonly foundText: string;
  readonly licenseUrl: string | null;
  /** By rule name, the scores of the pair and of its image. */
  readonly scores: Readonly<Record<string, number>>;
}

/** The pseudo-rule between text and image rules: no image, nothing more to judge. */
export const downloadRule = 'download';

/** The number of a recipe in this ledger, entered when new; the recipe asked for last is the current one. */
export function recipeId(ledger: Ledger, rules: readonly RuleRecord[]): number {
  const json = JSON.stringify(rules.map(({ name, stage, settings }) => ({ name, stage, settings })));
  const sha256 = createHash('sha256').update(json).digest('hex');
  const row = ledger.db
    .prepare(
      `INSERT INTO recipes (sha256, rules, judged_at_ms) VALUES (?, ?, ?)
       ON CONFLICT (sha256) DO UPDATE SET judged_at_ms = excluded.judged_at_ms RETURNING id`,
    )
    .get(sha256, json, Math.max(Date.now(), lastJudgedAtMs(ledger) + 1)) as { id: number };
  return row.id;
}

const lastJudgedAtMs = (ledger: Ledger): number =>
  ledger.db.prepare('SELECT coalesce(max(judged_at_ms), 0) FROM recipes').pluck().get() as number;

/** The recipe asked for last and its rules; null when the corpus was never screened. */
export function currentRecipe(
  ledger: Ledger,
): { readonly id: number; readonly finished: boolean; readonly rules: readonly RuleRecord[] } | null {
  const row = ledger.db.prepare('SELECT id, finished, rules FROM recipes ORDER BY judged_at_ms DESC LIMIT 1').get() as
    | { id: number; finished: number; rules: string }
    | undefined;
  return row ? { id: row.id, finished: row.finished === 1, rules: JSON.parse(row.rules) } : null;
}

/** The rules of an earlier recipe, to know which of its verdicts still stand. */
export function recipeRules(ledger: Ledger, recipe: number): readonly RuleRecord[] {
  return JSON.parse(ledger.db.prepare('SELECT rules FROM recipes WHERE id = ?').pluck().get(recipe) as string);
}

/** Marks a recipe's screening as begun or as run to its end; an export of a half-screened corpus would be arbitrary. */
export function markFinished(ledger: Ledger, recipe: number, finished: boolean): void {
  ledger.db.prepare('UPDATE recipes SET finished = ? WHERE id = ?').run(finished ? 1 : 0, recipe);
}

/** How many pairs this recipe has not judged. */
export function countUnjudged(ledger: Ledger, recipe: number): number {
  return ledger.db.prepare('SELECT count(*) FROM pairs WHERE judged_by IS NOT ?').pluck().get(recipe) as number;
}

/** The columns of `pairsToJudge` in their order: rows as arrays cost half of what rows as objects do. */
type PairRow = readonly [
  row: number,
  id: string,
  imageUrl: string,
  pageId: number,
  pageUrl: string,
  text: string,
  source: TextSource,
  judgedBy: number | null,
  droppedBy: string | null,
  dropReason: string | null,
  cleanedText: string | null,
  status: string,
  imageReason: string | null,
  format: string,
  width: number,
  height: number,
  frames: number,
  byteLength: number,
  sha256: string | null,
  phash: string,
  segment: number,
  offset: number,
];

const imageColumns = `i.format, i.width, i.height, i.frames, i.byte_length AS byteLength, i.sha256, i.phash,
  i.segment, i.offset`;

/**
 * All pairs that this recipe has not judged, in the order they were found, in batches. Each batch is read whole, so
 * that judgements may be recorded between two batches.
 */
export function* pairsToJudge(
  ledger: Ledger,
  recipe: number,
  { batchSize = 2000 }: { batchSize?: number } = {},
): Generator<readonly PairToJudge[]> {
  const pairs = ledger.db
    .prepare(
      `SELECT p.rowid, p.id, i.url, p.page_id, p.page_url, p.text, p.source, p.judged_by, p.dropped_by, p.drop_reason,
         p.cleaned_text, i.status, i.reason, ${imageColumns}
       FROM pairs p JOIN images i ON i.id = p.image_id
       WHERE p.rowid > ? AND p.judged_by IS NOT ? ORDER BY p.rowid LIMIT ?`,
    )
    .raw();
  const page = ledger.db.prepare('SELECT title, text FROM pages WHERE id = ?');
  for (let after = -1; ; ) {
    const rows = pairs.all(after, recipe, batchSize) as PairRow[];
    if (rows.length === 0) return;
    // Pairs of one page lie together: its text is read once.
    const pages = new Map<number, { title: string; text: string }>();
    yield rows.map((row) => {
      let found = pages.get(row[3]);
      if (!found) {
        found = page.get(row[3]) as { title: string; text: string };
        pages.set(row[3], found);
      }
      return pairToJudge(row, found);
    });
    after = rows.at(-1)![0];
  }
}

function pairToJudge(columns: PairRow, page: { readonly title: string; readonly text: string }): PairToJudge {
  // biome-ignore format: in the order of PairRow
  const [row, id, imageUrl, , pageUrl, text, source, recipe, droppedBy, reason, cleanedText, status, imageReason,
    format, width, height, frames, byteLength, sha256, phash, segment, offset] = columns;
  const pair: Pair = { id, imageUrl, pageUrl, text, source, pageTitle: page.title, pageText: page.text };
  const before = recipe === null ? null : { recipe, droppedBy, reason, cleanedText };
  if (status !== 'success' || sha256 === null) {
    return { row, pair, sample: null, missing: (imageReason ?? status).replaceAll('_', '-'), before };
  }
  const sample = { ...pair, format, width, height, frames, byteLength, sha256, phash, segment, offset };
  return { row, pair, sample, missing: null, before };
}

/** Records judgements and their scores in one transaction; repeating it changes nothing. */
export function recordVerdicts(ledger: Ledger, recipe: number, judgements: readonly PairVerdict[]): void {
  const verdict = 'UPDATE pairs SET judged_by = ?, dropped_by = ?, drop_reason = ?, cleaned_text = ? WHERE';
  const byRow = ledger.db.prepare(`${verdict} rowid = ? AND id = ?`);
  const byId = ledger.db.prepare(`${verdict} id = ?`);
  const score = ledger.db.prepare('INSERT OR REPLACE INTO scores (subject, rule, score) VALUES (?, ?, ?)');
  ledger.db.transaction(() => {
    for (const { id, row, droppedBy, reason, cleanedText = null, scores } of judgements) {
      if (row === undefined) byId.run(recipe, droppedBy, reason, cleanedText, id);
      else byRow.run(recipe, droppedBy, reason, cleanedText, row, id);
      for (const { subject, rule, score: value } of scores ?? []) score.run(subject, rule, value);
    }
  })();
}

/** The stored scores of a pair or an image, by rule name. */
export function scoresOf(ledger: Ledger, subject: string): Record<string, number> {
  const rows = ledger.db.prepare('SELECT rule, score FROM scores WHERE subject = ?').raw().all(subject);
  return Object.fromEntries(rows as [string, number][]);
}

/** A rule that looks at all survivors at once (the ledger's view `survivors`) and says which to drop. */
export interface CorpusRule {
  readonly name: string;
  readonly drops: (ledger: Ledger) => Iterable<{ readonly id: string; readonly reason: string }>;
}

/**
 * Applies the corpus rules, in order, to everything that the rules for single pairs let through, and marks the recipe's
 * screening as finished; one transaction. Pairs that an earlier pass dropped for the corpus' sake are judged anew, since
 * a new pair may be a better text for an old image.
 */
export function recordCorpusDrops(ledger: Ledger, recipe: number, rules: readonly CorpusRule[]): void {
  ledger.db.transaction(() => {
    ledger.db.exec(`UPDATE pairs SET dropped_by = NULL, drop_reason = NULL WHERE dropped_by LIKE 'corpus/%'`);
    const drop = ledger.db.prepare('UPDATE pairs SET dropped_by = ?, drop_reason = ? WHERE id = ?');
    for (const rule of rules) {
      for (const { id, reason } of [...rule.drops(ledger)]) drop.run(rule.name, reason, id);
    }
    markFinished(ledger, recipe, true);
  })();
}

/** What the current recipe did, rule by rule in its order; no rows when the corpus was never screened. */
export function funnel(ledger: Ledger): Funnel {
  const found = ledger.db.prepare('SELECT count(*) FROM pairs').pluck().get() as number;
  const recipe = currentRecipe(ledger);
  if (!recipe) return { found, unjudged: found, kept: 0, rows: [] };
  const counts = ledger.db
    .prepare(
      `SELECT dropped_by AS rule, drop_reason AS reason, count(*) AS count FROM pairs WHERE judged_by = ?
       GROUP BY dropped_by, drop_reason ORDER BY count DESC, reason`,
    )
    .all(recipe.id) as { rule: string | null; reason: string; count: number }[];
  let entered = counts.reduce((sum, { count }) => sum + count, 0);
  const unjudged = found - entered;
  const rows: FunnelRow[] = [];
  for (const { name, stage } of inOrder(recipe.rules)) {
    const reasons = counts.filter(({ rule }) => rule === name).map(({ reason, count }) => ({ reason, count }));
    const dropped = reasons.reduce((sum, { count }) => sum + count, 0);
    rows.push({ rule: name, stage, entered, dropped, kept: entered - dropped, reasons });
    entered -= dropped;
  }
  return { found, unjudged, kept: entered, rows };
}

/** The rules as they act: text rules, the download, image rules, rules on both, corpus rules. */
function inOrder(rules: readonly RuleRecord[]): { name: string; stage: FunnelRow['stage'] }[] {
  const of = (stage: RuleRecord['stage']) => rules.filter((rule) => rule.stage === stage);
  return [...of('text'), { name: downloadRule, stage: 'download' }, ...of('image'), ...of('match'), ...of('corpus')];
}

/**
 * The survivors, ordered by id, with the place of their bytes. Reads in pages: the ledger may be written to meanwhile.
 * Whether the screening behind it is complete says `currentRecipe(ledger)?.finished`.
 */
export function* keptSamples(ledger: Ledger, { batchSize = 1000 }: { batchSize?: number } = {}): Generator<KeptSample> {
  const survivors = ledger.db.prepare(
    `SELECT p.id, i.url AS imageUrl, p.page_url AS pageUrl, p.text AS foundText,
       coalesce(p.cleaned_text, p.text) AS text, p.source, g.title AS pageTitle, g.text AS pageText,
       g.license_url AS licenseUrl, ${imageColumns}
     FROM pairs p JOIN images i ON i.id = p.image_id JOIN pages g ON g.id = p.page_id
     WHERE p.id > ? AND p.judged_by IS NOT NULL AND p.dropped_by IS NULL AND i.sha256 IS NOT NULL
     ORDER BY p.id LIMIT ?`,
  );
  const scores = ledger.db.prepare('SELECT rule, score FROM scores WHERE subject IN (?, ?)').raw();
  for (let after = ''; ; ) {
    const rows = survivors.all(after, batchSize) as Omit<KeptSample, 'scores'>[];
    if (rows.length === 0) return;
    for (const row of rows) {
      yield { ...row, scores: Object.fromEntries(scores.all(row.id, row.sha256) as [string, number][]) };
    }
    after = rows.at(-1)!.id;
  }
}
