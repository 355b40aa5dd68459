/** `lait filter`: judges what was crawled and prints the funnel. */
import type { Funnel } from '../dataset/ledger/funnel.ts';
import { Ledger } from '../dataset/ledger/ledger.ts';
import type { RuleRecord } from '../dataset/ledger/recipes.ts';
import { movables } from '../filters/movable.ts';
import { modelsLeftOut } from '../filters/presets.ts';
import { type ScreenOptions, screenBy } from '../filters/screen.ts';
import { frequentWords } from '../filters/text/corpus-words.ts';
import { decoding, type RuleTime, timed } from '../filters/timing.ts';
import type { FilterFlags } from './call-flags.ts';
import { type CommandContext, type Nothing, sayWaiting } from './command.ts';
import { openRecipe, withModel } from './filter-recipe.ts';
import { flagOf } from './flags.ts';
import { startProgress } from './progress.ts';
import { count, percent, table } from './table.ts';

export async function filter(context: CommandContext<'filter', FilterFlags>): Promise<void> {
  const { corpusDir, config, signal, print } = context;
  const settings = withModel(context);
  const { share, ...others } = context.flags;
  others satisfies Nothing;
  const ledger = Ledger.openExisting(corpusDir, { signal, onWait: sayWaiting });
  let words: ReadonlySet<string> = new Set();
  const opened = await openRecipe(config, settings, {
    corpusDir,
    frequent: (vocabulary) => {
      words = frequentWords(ledger, vocabulary);
      return words;
    },
  });
  const progress = startProgress('Filtering pairs');
  const watched = timed(opened.recipe);
  let judges = 1;
  try {
    const shared = share
      ? (await import('./filter-share.ts')).sharing({
          ...{ corpusDir, config, settings, ledger, recipe: watched.recipe, words, signal },
          say: (line) => progress.line(line),
          onJudges: (now) => {
            judges = now;
          },
        })
      : null;
    const judging = (): string | undefined => (share ? `${count(judges)} judges` : undefined);
    const onProgress: ScreenOptions['onProgress'] = ({ stage, judged, total }) =>
      progress.update({ done: judged, total, detail: stage === 'corpus' ? 'looking for duplicates' : judging() });
    const batchSize = shared && { batchSize: shared.batchSize };
    const result = await screenBy(
      { ledger, recipe: watched.recipe, signal, ...batchSize, onProgress },
      shared?.judgeAll ?? null,
    );
    progress.stop();
    const { preset, photo, unsafe, relevance } = settings;
    const left = modelsLeftOut(preset, { photo, unsafe, relevance: relevance !== undefined });
    const steps = left.map(({ option, step }) => `${step} (--${option}${models[option] ?? ''})`).join(', ');
    const note = `\nWithout a model, so not judged although ${preset} is published with it: ${steps}`;
    const hint = thresholdHint(result, Object.values(watched.recipe).flat() as readonly RuleRecord[]);
    print(result, () => `${funnelTable(result, watched.times)}${hint}${left.length > 0 ? note : ''}`);
  } finally {
    progress.stop();
    ledger.close();
    opened.dispose();
  }
}

/** What may follow an option that names a model. */
const models: Readonly<Record<string, string>> = { relevance: ' classes, or hf://OWNER/NAME' };

/**
 * The funnel as text: for each rule in order how many came in, how many it dropped, how many it judges in a second, as far
 * as it was asked this time, and why it dropped them.
 */
export function funnelTable(
  { found, gone, kept, rows }: Funnel,
  times: ReadonlyMap<string, RuleTime> = new Map(),
): string {
  const header = ['rule', 'came in', 'dropped', 'kept', 'a second', 'why'];
  const lines = rows.map(({ rule, entered, dropped, kept: left, reasons }) => [
    rule,
    count(entered),
    count(dropped),
    count(left),
    perSecond(times.get(rule)),
    reasonList(reasons),
  ]);
  const share = found === 0 ? '' : ` (${percent(kept / found)})`;
  const decoded = times.get(decoding);
  const note = decoded ? `\ndecoded ${count(decoded.asked)} images, ${perSecond(decoded)} a second` : '';
  const more =
    gone === 0 ? '' : `\n${count(gone)} more are not on the web any more: lait export --gone keep has them too`;
  return `${table([header, ...lines], [0, 5])}${note}\n${count(kept)} of ${count(found)} pairs kept${share}${more}`;
}

/** A rule that drops so many of all pairs is probably set for another corpus. */
const nearlyAll = 0.9;

/** Where nearly all pairs fall by one threshold: a line that says how it is moved. */
export function thresholdHint(
  { found, rows }: Pick<Funnel, 'found' | 'rows'>,
  rules: readonly Pick<RuleRecord, 'name' | 'settings'>[],
): string {
  const row = rows.find(({ dropped }) => dropped > 0 && dropped >= nearlyAll * found);
  const movable = movables.find(({ rule }) => rule === row?.rule);
  if (row === undefined || movable === undefined) return '';
  const { setting, key } = movable;
  const value = rules.find(({ name }) => name === row.rule)?.settings[key];
  return `\n${row.rule} drops ${count(row.dropped)} of ${count(found)} pairs: ${flagOf(setting)} (filter.${setting} in lait.yaml) moves its threshold${value === undefined ? '' : `, now ${value}`}`;
}

const perSecond = (time: RuleTime | undefined): string =>
  time && time.asked > 0 && time.ms > 0 ? count(Math.round((1000 * time.asked) / time.ms)) : '';

const reasonsShown = 6;

function reasonList(reasons: Funnel['rows'][number]['reasons']): string {
  const shown = reasons.slice(0, reasonsShown).map(({ reason, count: n }) => `${reason} ${count(n)}`);
  const rest = reasons.slice(reasonsShown).reduce((sum, { count: n }) => sum + n, 0);
  return [...shown, ...(rest > 0 ? [`others ${count(rest)}`] : [])].join(', ');
}
