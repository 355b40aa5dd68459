/**
 * The dataset card: a Hugging Face README with its YAML header, made from the ledger and the export alone, so that it says
 * what was done and not what was meant. The funnel is drawn beside it as `funnel.svg`.
 */
import type { BasicType } from 'hyparquet-writer';
import { markdownCode, markdownText, yamlText } from '../escape.ts';
import type { CorpusFacts, Count } from '../ledger/corpus-facts.ts';
import type { FunnelRow } from '../ledger/funnel.ts';
import type { RuleRecord } from '../ledger/recipes.ts';
import { dtypeOf } from '../shards/container.ts';
import type { VersionSummary } from '../shards/manifest.ts';
import { imageFolderFeatures, webDatasetFeatures } from './card-features.ts';
import { columnRows } from './column-meanings.ts';
import { type MoreColumns, tableColumnsWith } from './more-columns.ts';
import type { Split } from './split.ts';

export interface CardOptions {
  /** Title of the card and name in the Croissant file. */
  readonly name?: string;
  readonly description?: string;
  /** Hugging Face's word for the licence of the collection: the texts and links as such, not the pictures. */
  readonly license?: string;
  /** ISO 639-1. Default: the languages that the recipe keeps. */
  readonly languages?: readonly string[];
  /** How the crawler calls itself: `lait/0.1.0 (+https://…)`. */
  readonly userAgent?: string;
}

export interface CardInput {
  readonly card: CardOptions;
  readonly facts: CorpusFacts;
  readonly rules: readonly RuleRecord[];
  /** The preset that the rules were made from; null where none is known. */
  readonly preset: string | null;
  readonly samples: Readonly<Record<Split, number>>;
  readonly shards: Readonly<Record<Split, number>>;
  readonly bytes: number;
  readonly format: 'webdataset' | 'parquet' | 'jsonl';
  /** All versions of the export, this one last. */
  readonly versions: readonly VersionSummary[];
  readonly layout: ExportLayout;
  /** What its tables have beside the columns that all have. */
  readonly columns: MoreColumns;
}

/** `growing`: what is finished stays, what is new comes after it. `fixed`: all samples in the order of their ids, anew each time. */
export type ExportLayout = 'growing' | 'fixed';

/** Where a setting's value comes from, as the rule said when the corpus was screened. */
export const thresholdSource = ({ sources }: RuleRecord, setting: string): string =>
  sources?.[setting] ?? 'not recorded';

/** A setting's value as a table shows it: a long list by its length, the whole of it is in the manifest. */
export function shownSetting(value: unknown): string {
  if (value === null) return 'off';
  const json = JSON.stringify(value) ?? '';
  if (!Array.isArray(value) || (value.length <= 8 && json.length <= 120)) return json;
  return value.length === 1 ? '1 entry' : `${value.length} entries`;
}

const grouped = (n: number) => n.toLocaleString('en-US');

const plural = (n: number, what: string) => `${grouped(n)} ${what}${n === 1 ? '' : 's'}`;

export function cardLanguages({ card, rules }: Pick<CardInput, 'card' | 'rules'>): readonly string[] {
  const kept = rules.flatMap(({ settings }) => (Array.isArray(settings.languages) ? settings.languages : []));
  return card.languages ?? [...new Set(kept as string[])].sort();
}

/** Hugging Face's classes of size. */
function sizeCategory(samples: number): string {
  const bounds = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12];
  const names = ['1K', '10K', '100K', '1M', '10M', '100M', '1B', '10B', '100B', '1T'];
  const at = bounds.findIndex((bound) => samples < bound);
  if (at === 0) return 'n<1K';
  return at < 0 ? 'n>1T' : `${names[at - 1]}<n<${names[at]}`;
}

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

export const markdownTable = (head: readonly string[], rows: readonly (readonly (string | number)[])[]): string =>
  [head, head.map(() => '---'), ...rows]
    .map((row) => `| ${row.map((one) => (typeof one === 'number' ? grouped(one) : cell(one))).join(' | ')} |`)
    .join('\n');

export const countTable = (
  what: string,
  counts: readonly Count[],
  none: string,
  shown: (text: string) => string = markdownText,
): string =>
  counts.length === 0
    ? none
    : markdownTable(
        [what, 'count'],
        // Names are from the web: a licence link may hold anything.
        counts.map(({ name, count }) => [name === '' ? none : shown(name), count]),
      );

const reasonsOf = ({ reasons }: FunnelRow) =>
  reasons.map(({ reason, count }) => `${reason} ${grouped(count)}`).join(', ');

function days({ collected }: CorpusFacts): string {
  if (collected === null) return '';
  const { from, to } = collected;
  return from === to ? `, collected on ${from}` : `, collected from ${from} to ${to}`;
}

/** The YAML that Hugging Face reads before the text; `files` are its lines of splits and paths. */
export function cardHeader({
  name,
  license = 'other',
  languages,
  samples,
  files,
  features = [],
}: {
  readonly name: string;
  readonly license: string | undefined;
  readonly languages: readonly string[];
  readonly samples: number;
  readonly files: readonly string[];
  /** Lines about its columns, see `webDatasetFeatures`. */
  readonly features?: readonly string[];
}): string {
  const spoken = languages.map((language) => `  - ${yamlText(language)}\n`).join('');
  return `---
pretty_name: ${yamlText(name)}
license: ${yamlText(license)}
${spoken === '' ? '' : `language:\n${spoken}`}task_categories:
  - image-to-text
  - text-to-image
size_categories:
  - ${sizeCategory(samples)}
tags:
  - image-text
  - webdataset
  - lait
configs:
  - config_name: default
    data_files:
${[...files, ...features].join('\n')}
---`;
}

/** How many versions the card shows. */
const versionsShown = 10;

function versionTable({ versions, layout }: CardInput): string {
  const last = versions.at(-1);
  if (last === undefined) return '';
  const reasons = ({ removed }: VersionSummary) =>
    Object.entries(removed)
      .map(([reason, count]) => `${reason} ${grouped(count)}`)
      .join(', ');
  const rows = versions
    .slice(-versionsShown)
    .map((one) => [
      one.version,
      one.date ?? '',
      Object.values(one.samples).reduce((sum, n) => sum + n, 0),
      one.shards.added,
      one.shards.rewritten,
      one.shards.removed,
      reasons(one),
      `\`${one.sha256.slice(0, 16)}\``,
    ]);
  return `
## Versions

This is version ${last.version}, SHA-256 of the lines that \`sha256sum\` prints for its shards: \`${last.sha256}\`. What it changed is in
\`changes.jsonl\`. ${
    layout === 'growing'
      ? 'Keys are never given twice: the same key is the same sample in every version that has it.'
      : 'Every version numbers its samples anew: the same key is another sample in another version.'
  }

${markdownTable(
  ['version', 'data until', 'samples', 'shards added', 'rewritten', 'removed', 'samples that left', 'SHA-256'],
  rows,
)}
`;
}

/** How far rules are those of the preset that they were made from. */
export function asPreset(rules: readonly RuleRecord[]): string {
  const chosen = rules.flatMap(({ settings, sources }) =>
    Object.keys(settings).filter((name) => sources?.[name] === 'chosen for this corpus'),
  ).length;
  return chosen === 0 ? 'as it is' : `with ${plural(chosen, 'setting')} chosen for this corpus`;
}

/** The recipe by its name, and how far it is that preset. */
const recipeName = ({ preset, rules }: CardInput): string =>
  preset === null
    ? 'The rules are of no preset that is known.'
    : `The recipe is the preset ${markdownCode(preset)} of lait, ${asPreset(rules)}.`;

/** What the rules did about people, and what they did not. */
export function personsText(rules: readonly RuleRecord[]): string {
  const cleaning = rules.find(({ name }) => name === 'text/clean')?.settings ?? {};
  const done = [
    ...(cleaning.maskPersons === true ? ['names of persons that lists know were masked in the texts'] : []),
    ...(cleaning.maskContacts === true ? ['e-mail addresses and telephone numbers were masked in the texts'] : []),
    ...(rules.some(({ name }) => name === 'text/personal')
      ? ['texts with e-mail addresses or telephone numbers were dropped']
      : []),
  ];
  const looked =
    done.length === 0 ? 'nothing was done to find or to blur them' : `${done.join(', and ')}; no picture was blurred`;
  return `People may be seen and named; ${looked}.`;
}

/** What the rules judge, of what they could. */
function judgedText(rules: readonly RuleRecord[]): string {
  const kinds = [
    'form',
    ...(rules.some(({ name }) => name.endsWith('/language')) ? ['language'] : []),
    ...(rules.some(({ stage }) => stage === 'corpus') ? ['duplicates'] : []),
  ];
  const list = kinds.length === 1 ? kinds[0]! : `${kinds.slice(0, -1).join(', ')} and ${kinds.at(-1)}`;
  return `The rules judge ${list}; they do not know what is true, fair or fit for minors.`;
}

const typeName = (type: BasicType): string => dtypeOf(type).replace('string', 'text');

/** The text of `README.md`. */
export function cardReadme(input: CardInput): string {
  const { card, facts, rules, samples, shards, bytes, format } = input;
  const {
    name = 'An image-text corpus',
    description = 'Pairs of images and texts that describe them, from web pages.',
  } = card;
  const total = samples.train + samples.validation;
  const pattern = { webdataset: '*.tar', parquet: '*.parquet', jsonl: '*/*' }[format];
  const files = (['train', 'validation'] as const)
    .filter((split) => samples[split] > 0)
    .map((split) => `      - split: ${split}\n        path: ${split}/${pattern}`);
  const languages = cardLanguages(input);
  const settings = rules.flatMap((rule) =>
    Object.entries(rule.settings).map(([setting, value]) => [
      `\`${rule.name}\``,
      setting,
      shownSetting(value),
      thresholdSource(rule, setting),
    ]),
  );
  const columns = tableColumnsWith(input.columns);
  // A table of Parquet says itself what it holds.
  const features = { webdataset: webDatasetFeatures, jsonl: imageFolderFeatures, parquet: () => [] }[format](columns);
  return `${cardHeader({ name, license: card.license, languages, samples: total, files, features })}

# ${markdownText(name)}

${description}

${plural(total, 'sample')} in ${plural(shards.train + shards.validation, 'shard')}, ${(bytes / 1e6).toFixed(1)} MB${days(facts)}.

${markdownTable(
  ['split', 'samples', 'shards'],
  [
    ['train', samples.train, shards.train],
    ['validation', samples.validation, shards.validation],
  ],
)}

The split follows from the SHA-256 of the image: an image is never in both, and never moves.
${versionTable(input)}
## How it was made

Pages were fetched and images with every text near them became pairs; then each rule below, in this order,
dropped the pairs that failed it. Of ${plural(facts.funnel.found, 'pair')} found, ${grouped(facts.funnel.kept)} were kept${
    facts.funnel.unjudged > 0 ? `; ${grouped(facts.funnel.unjudged)} were not judged` : ''
  }${facts.funnel.gone > 0 ? `; ${grouped(facts.funnel.gone)} more were not on the web any more at a later visit` : ''}.

![Pairs left after each rule](funnel.svg)

${markdownTable(
  ['rule', 'stage', 'entered', 'dropped', 'kept', 'reasons'],
  facts.funnel.rows.map((row) => [`\`${row.rule}\``, row.stage, row.entered, row.dropped, row.kept, reasonsOf(row)]),
)}

### Thresholds

${recipeName(input)}

${markdownTable(['rule', 'setting', 'value', 'from'], settings)}

## Where it comes from

Kept pairs by the site of their page (${plural(facts.hostCount, 'site')}${facts.hostCount > 10 ? ' in all; the first ten' : ''}):

${countTable('site', facts.hosts, '–')}

Kept pairs by where the text was found:

${countTable('text', facts.sources, '–')}

Pages by what became of them:

${countTable('page', facts.pages, '–')}

## Licence and rights

The images belong to those who made them; no licence is given for them here. Kept pairs by the licence link on their page:

${countTable('licence', facts.licenses, 'no link found', markdownCode)}

Pages by the rights signals found on them (the raw values are in the columns \`rights_…\`):

${countTable('signal', facts.rightsSignals, 'none')}

Pages and images that were not taken, by reason (icons, adverts and other decoration are not counted):

${countTable('reason', facts.refusals, 'none')}

## Columns

Every sample has an image, its text, and a JSON member; the tables hold the same columns for every pair, failed ones too.

${markdownTable(
  ['column', 'type', 'what', 'name of'],
  columnRows(input.columns).map(([column, type, says, from]) => [
    markdownCode(column),
    typeName(type),
    markdownText(says),
    from,
  ]),
)}

## Limits

The texts are what pages said near an image: many describe it loosely or not at all. The sites were chosen by whoever made
this corpus, and their view of the world is in it. ${personsText(rules)}
${judgedText(rules)} ${
    rules.some(({ name }) => name === 'image/unsafe')
      ? 'A model dropped images that it took for\npornographic or racy; its false alarms on ordinary photographs were measured, how many such images it misses was not.'
      : 'No rule looked for pornographic images.'
  }
`;
}

/** Bars of the pairs left after each rule, and how many it dropped, as an SVG picture. */
export function funnelSvg(rows: readonly FunnelRow[], found: number): string {
  const bars = [
    { name: 'found', kept: found, dropped: 0 },
    ...rows.map(({ rule, kept, dropped }) => ({ name: rule, kept, dropped })),
  ];
  const most = Math.max(1, found);
  const xml = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  const lines = bars.map(({ name, kept, dropped }, i) => {
    const y = 10 + i * 26;
    const width = ((kept / most) * 400).toFixed(1);
    const loss = dropped === 0 ? '' : ` <tspan fill="#a33b3b">−${grouped(dropped)}</tspan>`;
    return `  <text x="190" y="${y + 15}" text-anchor="end">${xml(name)}</text>
  <rect x="200" y="${y}" width="${width}" height="20" fill="#3b6ea5"/>
  <text x="${(206 + Number(width)).toFixed(1)}" y="${y + 15}">${grouped(kept)}${loss}</text>`;
  });
  const height = 20 + bars.length * 26;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 ${height}" width="720" height="${height}" font-family="sans-serif" font-size="13" role="img">
  <title>Pairs left after each rule</title>
  <rect width="720" height="${height}" fill="#ffffff"/>
${lines.join('\n')}
</svg>
`;
}
