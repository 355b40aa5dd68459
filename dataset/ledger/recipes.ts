/**
 * Recipes: ordered lists of rules. A rule is identified by its name, stage, version and settings, a recipe by the hash of its
 * rules: a moved threshold or a corrected rule makes another recipe, and everything is judged by it from the ledger alone
 * (DataComp's idea: a score is stored, a threshold is a query).
 */
import { createHash } from 'node:crypto';
import type { Ledger } from './ledger.ts';

/** A rule as the ledger remembers it, in the order of judging. */
export interface RuleRecord {
  /** `image/size`; unique within a recipe. */
  readonly name: string;
  /** The order of judging: the download lies between text and image, `match` looks at both. */
  readonly stage: 'text' | 'image' | 'match' | 'corpus';
  /** Raised when the rule judges differently with the same settings. Missing: 1, as in ledgers without versions. */
  readonly version?: number;
  /** Every threshold of the rule: what, when changed, makes it another rule. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Where the settings' values come from, by setting: `LAION`, `ours`. Not part of the rule's identity. */
  readonly sources?: Readonly<Record<string, string>>;
}

/** The pseudo-rule between text and image rules: no image, nothing more to judge. */
export const downloadRule = 'download';

/** What makes two rules of one name the same rule. */
export const ruleIdentity = ({ stage, version = 1, settings }: RuleRecord): string =>
  JSON.stringify([stage, version, settings]);

/** The name that the rule's score is stored under, if it has one: a score by a model belongs to that model. */
export const scoreNameOf = ({ name, settings: { model } }: RuleRecord): string =>
  typeof model === 'string' ? `${name}@${model}` : name;

/** The rules as they act: text rules, the download, image rules, rules on both, corpus rules. */
export function judgingOrder(
  rules: readonly RuleRecord[],
): { readonly name: string; readonly stage: RuleRecord['stage'] | 'download' }[] {
  const of = (stage: RuleRecord['stage']) => rules.filter((rule) => rule.stage === stage);
  return [...of('text'), { name: downloadRule, stage: 'download' }, ...of('image'), ...of('match'), ...of('corpus')];
}

/** The number of a recipe in this ledger, entered when new; the recipe asked for last is the current one. `preset` names it and makes it no other. */
export function recipeId(ledger: Ledger, rules: readonly RuleRecord[], preset: string | null = null): number {
  // Version 1 is not written: recipes of ledgers without versions keep their hash.
  const identity = rules.map(({ name, stage, version = 1, settings }) => ({
    name,
    stage,
    ...(version === 1 ? {} : { version }),
    settings,
  }));
  const sha256 = createHash('sha256').update(JSON.stringify(identity)).digest('hex');
  const stored = identity.map((rule, at) => ({ ...rule, sources: rules[at]!.sources }));
  const row = ledger.db
    .prepare(
      `INSERT INTO recipes (sha256, rules, judged_at_ms, preset) VALUES (?, ?, ?, ?)
       ON CONFLICT (sha256) DO UPDATE SET rules = excluded.rules, judged_at_ms = excluded.judged_at_ms, preset = excluded.preset RETURNING id`,
    )
    .get(sha256, JSON.stringify(stored), Math.max(Date.now(), lastJudgedAtMs(ledger) + 1), preset) as { id: number };
  return row.id;
}

const lastJudgedAtMs = (ledger: Ledger): number =>
  ledger.db.prepare('SELECT coalesce(max(judged_at_ms), 0) FROM recipes').pluck().get() as number;
/** The recipe asked for last and its rules; null when the corpus was never screened. */
export function currentRecipe(ledger: Ledger): {
  readonly id: number;
  readonly finished: boolean;
  readonly rules: readonly RuleRecord[];
  /** Its name; null of a recipe that was made from none, or by an older lait. */
  readonly preset: string | null;
} | null {
  const row = ledger.db
    .prepare('SELECT id, finished, rules, preset FROM recipes ORDER BY judged_at_ms DESC LIMIT 1')
    .get() as { id: number; finished: number; rules: string; preset: string | null } | undefined;
  return row ? { id: row.id, finished: row.finished === 1, rules: JSON.parse(row.rules), preset: row.preset } : null;
}

/** The rules of an earlier recipe, to know which of its verdicts can be reused. */
export function recipeRules(ledger: Ledger, recipe: number): readonly RuleRecord[] {
  return JSON.parse(ledger.db.prepare('SELECT rules FROM recipes WHERE id = ?').pluck().get(recipe) as string);
}

/** The rules of every recipe that this ledger knows, by number. */
export function allRecipes(ledger: Ledger): ReadonlyMap<number, readonly RuleRecord[]> {
  const rows = ledger.db.prepare('SELECT id, rules FROM recipes').all() as { id: number; rules: string }[];
  return new Map(rows.map(({ id, rules }) => [id, JSON.parse(rules) as RuleRecord[]]));
}

/** The rules of all recipes that the corpus was judged by, the newest recipe first. */
export function rulesNewestFirst(ledger: Ledger): (readonly RuleRecord[])[] {
  const recipes = ledger.db.prepare('SELECT rules FROM recipes ORDER BY judged_at_ms DESC').pluck().all() as string[];
  return recipes.map((rules) => JSON.parse(rules) as RuleRecord[]);
}

/** Marks a recipe's screening as begun or as run to its end; an export of a half-screened corpus would be arbitrary. */
export function markFinished(ledger: Ledger, recipe: number, finished: boolean): void {
  ledger.db.prepare('UPDATE recipes SET finished = ? WHERE id = ?').run(finished ? 1 : 0, recipe);
}

/** The version of this rule in the newest recipe that has it; null when no recipe has. */
export function lastVersion(ledger: Ledger, rule: string): number | null {
  for (const rules of rulesNewestFirst(ledger)) {
    const found = rules.find(({ name }) => name === rule);
    if (found) return found.version ?? 1;
  }
  return null;
}
