/**
 * Pages of docs/ that are made from the code: every setting from the schema of `lait.yaml`, every reason of a crawl from its table.
 * `reference.test.ts` compares them with what is committed.
 */
import { z } from 'zod';
import { configSchema, type SectionName, sectionSchema } from '../../cli/config.ts';
import { flagOf } from '../../cli/flags.ts';
import { meaningOf, namedReasons, type ReasonMeaning } from '../../crawler/policy/reasons.ts';

/** What JSON Schema says of a key. */
interface Property {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly exclusiveMaximum?: number;
  readonly multipleOf?: number;
  readonly items?: Property;
  readonly prefixItems?: readonly Property[];
  readonly properties?: Readonly<Record<string, Property>>;
  readonly required?: readonly string[];
}

/** zod writes these limits for any whole number; they say nothing. */
const isLimit = (limit: number | undefined): limit is number =>
  limit !== undefined && Math.abs(limit) < Number.MAX_SAFE_INTEGER;

const propertiesOf = (schema: z.ZodObject): [string, Property][] =>
  Object.entries((z.toJSONSchema(schema, { io: 'input' }) as Property).properties ?? {});

/** A cell of a table: a bar would end it, and an angle bracket might begin an element. */
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');

const code = (value: unknown): string => `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;

function takes({ type, enum: choices, items, prefixItems, ...limits }: Property): string {
  if (choices !== undefined) return choices.map(code).join(', ');
  if (prefixItems !== undefined) return `list of ${prefixItems.length} numbers`;
  if (type === 'array')
    return `list of ${items?.type === 'object' ? 'objects, below' : items?.enum ? takes(items) : 'texts'}`;
  if (type === 'boolean') return '`true`, `false`';
  if (type === 'object') return 'object, below';
  if (type !== 'integer' && type !== 'number') return 'text';
  const notes = [
    ...(isLimit(limits.minimum) ? [`≥ ${limits.minimum}`] : []),
    ...(isLimit(limits.exclusiveMinimum) ? [`> ${limits.exclusiveMinimum}`] : []),
    ...(isLimit(limits.maximum) ? [`≤ ${limits.maximum}`] : []),
    ...(isLimit(limits.exclusiveMaximum) ? [`< ${limits.exclusiveMaximum}`] : []),
    ...(isLimit(limits.multipleOf) ? [`a multiple of ${limits.multipleOf}`] : []),
  ];
  return [type === 'integer' ? 'whole number' : 'number', ...notes].join(', ');
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |\n`).join('');

/** The keys of an object within a section, and of those within it. */
function nested(place: string, { properties, required = [] }: Property): string {
  const entries = Object.entries(properties ?? {});
  const rows = entries.map(([key, property]) => [
    code(key),
    cell(takes(property)),
    property.default === undefined ? (required.includes(key) ? 'needed' : '') : code(property.default),
  ]);
  return `\n### ${place}\n\n${table(['key', 'takes', 'default'], rows)}${nestedOf(place, entries)}`;
}

const nestedOf = (place: string, entries: readonly (readonly [string, Property])[]): string =>
  entries
    .map(([key, property]) => {
      const object = property.type === 'array' ? property.items : property;
      return object?.type === 'object' ? nested(`${place}.${key}`, object) : '';
    })
    .join('');

function section(name: SectionName): string {
  const entries = propertiesOf(sectionSchema(name));
  const rows = entries.map(([key, property]) => {
    const isFlag = property.type !== 'object' && property.items?.type !== 'object';
    const flag = property.default === true ? flagOf(key).replace('--', '--no-') : flagOf(key);
    return [
      code(key),
      isFlag ? code(flag) : '',
      cell(takes(property)),
      property.default === undefined ? '' : code(property.default),
      cell(property.description ?? ''),
    ];
  });
  return `\n## ${name}\n\n${table(['key', 'flag', 'takes', 'default', 'what'], rows)}${nestedOf(name, entries)}`;
}

/** docs/configuration.md. */
export function configurationPage(): string {
  const { blobs, store, ...sections } = configSchema.shape;
  const places = Object.entries({ blobs, store }).map(([key, schema]) => [
    code(key),
    cell(schema.meta()?.description ?? ''),
  ]);
  return `# Configuration

Every setting of \`lait.yaml\`, made from the schema that reads it. \`lait init DIR\` writes a file with all of them at their defaults; what you
delete is the default again. A section is named after the command that reads it, and each of its keys is a flag of that command, too:
\`crawl.maxPages\` is \`lait crawl --max-pages\`. The flag wins. \`lait schedule\` and \`lait work\` read \`crawl\`; \`regions\` also tells \`pretrain\`,
\`finetune\` and \`evaluate\` which features to read.

A key without a default is not set. Thresholds of \`filter\` that are not set are those of its \`preset\`; [filters.md](filters.md) shows what each
rule does and where its threshold comes from.

## Top of the file

${table(['key', 'what'], places)}${(Object.keys(sections) as SectionName[]).map(section).join('')}`;
}

const again: Readonly<Record<ReasonMeaning['again'], string>> = {
  soon: 'up to three times in the same crawl, then by `lait retry`',
  retry: 'by `lait retry`',
  never: 'no',
};

const classes: Readonly<Record<ReasonMeaning['class'], string>> = {
  refused: 'Refused: lait may not, or does not want to',
  failed: 'Failed: it did not work',
  skipped: 'Skipped: another URL stands for it',
  incomplete: 'Incomplete: the page was read, but without its scripts',
};

/** docs/reasons.md. */
export function reasonsPage(): string {
  const meanings = namedReasons.map((reason) => ({ reason, meaning: meaningOf(reason) }));
  const parts = Object.entries(classes).map(([name, title]) => {
    const rows = meanings
      .filter(({ meaning }) => meaning.class === name)
      .map(({ reason, meaning }) => [code(reason), cell(meaning.text), again[meaning.again]]);
    return `\n## ${title}\n\n${table(['reason', 'what it means', 'asked again'], rows)}`;
  });
  return `# Reasons

Why a page or an image is not in the corpus, or is not complete: the words that \`lait crawl\` counts at its end, that the ledger keeps, and that
\`lait ledger explain URL\` says in full. Made from the crawler's own table. \`http-404\` and its like are the status that the server answered: 408,
429 and those from 500 on are asked again in the same crawl, the others by \`lait retry\`.

Why a *pair* was dropped is said by the rule that dropped it: [filters.md](filters.md) has the rules with their reasons.
${parts.join('')}`;
}
