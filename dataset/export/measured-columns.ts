/**
 * The columns of what was measured and found: the text's language, every score, every signal of rights. A corpus has those that
 * some rule or site has given it, under the names that LAION and DataComp read; an export keeps the columns of its first version, so
 * that all its tables are alike. A number and a text each have a column: nothing is JSON in JSON.
 */
import type { BasicType } from 'hyparquet-writer';
import type { Evidence } from '../ledger/evidence.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { currentRecipe, type RuleRecord, rulesNewestFirst } from '../ledger/recipes.ts';
import { hasLanguages, hasScores, rightsSignals, scoreNames } from '../ledger/scores.ts';
import { columnOfRight, columnOfScore, languageColumn, languageScoreColumn } from '../shards/measured-names.ts';

/** By column, in the tables' order: the score (`match/relevance@MODEL`) or signal (`page x-robots-tag`) that it has. */
export interface MeasuredColumns {
  readonly languages: boolean;
  readonly scores: Readonly<Record<string, string>>;
  readonly rights: Readonly<Record<string, string>>;
}

export const noMeasuredColumns: MeasuredColumns = { languages: false, scores: {}, rights: {} };

/** The name that a rule's score has now. */
const scoreNameOf = ({ name, settings: { model } }: RuleRecord): string =>
  typeof model === 'string' ? `${name}@${model}` : name;

/** What the corpus has now. Reads all scores and rights: for an export that begins. */
export function measuredColumns(ledger: Ledger): MeasuredColumns {
  // Of several models that scored by one rule, the one that was used last has the field's name.
  const rank = new Map<string, number>();
  for (const rules of rulesNewestFirst(ledger)) {
    for (const rule of rules) if (!rank.has(scoreNameOf(rule))) rank.set(scoreNameOf(rule), rank.size);
  }
  const rankOf = (name: string) => rank.get(name) ?? rank.size;
  const names = scoreNames(ledger).sort((a, b) => rankOf(a) - rankOf(b) || (a < b ? -1 : 1));
  const signals = rightsSignals(ledger).map(({ of, signal }) => `${of} ${signal}`);
  return {
    languages: hasLanguages(ledger),
    scores: named(names, columnOfScore),
    rights: named(signals, columnOfRight),
  };
}

/** Each source under its column's name; one whose name is taken gets its whole name, or a number. Sorted by column. */
function named(
  sources: readonly string[],
  nameOf: (source: string, whole: boolean) => string,
): Readonly<Record<string, string>> {
  const columns = new Map<string, string>();
  for (const source of sources) {
    const whole = nameOf(source, true);
    let name = nameOf(source, false);
    for (let n = 1; columns.has(name); n += 1) name = n === 1 ? whole : `${whole}_${n}`;
    columns.set(name, source);
  }
  return Object.fromEntries([...columns].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Scores of the present recipe that came after the export's first version, which its tables do not have. */
export function lateColumns(ledger: Ledger, { scores, languages }: MeasuredColumns): string[] {
  const known = new Set(Object.values(scores));
  const late = (currentRecipe(ledger)?.rules ?? [])
    .map(scoreNameOf)
    .filter((name) => name.includes('@') && !known.has(name) && hasScores(ledger, name))
    .map((name) => columnOfScore(name, false));
  return [...(!languages && hasLanguages(ledger) ? [languageColumn] : []), ...late];
}

export function measuredTypes({ languages, scores, rights }: MeasuredColumns): Readonly<Record<string, BasicType>> {
  const all = (columns: object, type: BasicType) =>
    Object.fromEntries(Object.keys(columns).map((name) => [name, type]));
  return {
    ...(languages ? { [languageColumn]: 'STRING' as const, [languageScoreColumn]: 'DOUBLE' as const } : {}),
    ...all(scores, 'DOUBLE'),
    ...all(rights, 'STRING'),
  };
}

/** A pair's values. A text that is absent is '', as in all of a sample's JSON; a number is null. */
export function measuredRow(
  { languages, scores, rights }: MeasuredColumns,
  evidence: Evidence,
  scored: Readonly<Record<string, number>>,
): Readonly<Record<string, string | number | null>> {
  const row: Record<string, string | number | null> = {};
  if (languages) {
    row[languageColumn] = evidence.language ?? '';
    row[languageScoreColumn] = evidence.languageScore;
  }
  for (const [column, name] of Object.entries(scores)) row[column] = scored[name] ?? null;
  const found = { page: parsed(evidence.pageRights), image: parsed(evidence.imageRights) };
  for (const [column, source] of Object.entries(rights)) {
    const at = source.indexOf(' ');
    row[column] = found[source.slice(0, at) as 'page' | 'image'][source.slice(at + 1)] ?? '';
  }
  return row;
}

const parsed = (json: string | null): Readonly<Record<string, string>> => (json === null ? {} : JSON.parse(json));
