/** `lait filter`: judges what was crawled and prints the funnel. */
import type { Funnel } from '../dataset/ledger/funnel.ts';
import { Ledger } from '../dataset/ledger/ledger.ts';
import { modelsLeftOut } from '../filters/presets.ts';
import { type RecipeOptions, recipe } from '../filters/recipe.ts';
import { screen } from '../filters/screen.ts';
import { decoding, type RuleTime, timed } from '../filters/timing.ts';
import { type CommandContext, type KnownTo, sayWaiting } from './command.ts';
import type { Config } from './config.ts';
import { knownWords } from './known-words.ts';
import { startProgress } from './progress.ts';
import { count, percent, table } from './table.ts';

export async function filter({ corpusDir, config, settings, signal, print }: CommandContext<'filter'>): Promise<void> {
  const ledger = Ledger.openExisting(corpusDir, { signal, onWait: sayWaiting });
  const { scorers, dispose } =
    settings.unsafe || settings.photo || settings.relevance
      ? await load({ ...config, filter: settings }, corpusDir)
      : noScorers;
  const progress = startProgress('Filtering pairs');
  const watched = timed(recipe({ ...given(settings), ...scorers, ...knownWords(ledger, settings) }));
  try {
    const result = await screen({
      ledger,
      recipe: watched.recipe,
      signal,
      onProgress: ({ stage, judged, total }) =>
        progress.update({ done: judged, total, detail: stage === 'corpus' ? 'looking for duplicates' : undefined }),
    });
    progress.stop();
    const { preset, photo, unsafe, relevance } = settings;
    const left = modelsLeftOut(preset, { photo, unsafe, relevance: relevance !== undefined });
    const steps = left.map(({ option, step }) => `${step} (--${option})`).join(', ');
    const note = `\nWithout a model, so not judged although ${preset} is published with it: ${steps}`;
    print(result, () => `${funnelTable(result, watched.times)}${left.length > 0 ? note : ''}`);
  } finally {
    progress.stop();
    ledger.close();
    dispose();
  }
}

const noScorers = { scorers: {}, dispose: () => undefined };

/** Late, since models bring TensorFlow with them. */
const load = async (config: Config, corpusDir: string) => (await import('./scorers.ts')).openScorers(config, corpusDir);

/**
 * The funnel as text: for each rule in order how many came in, how many it dropped, how many it judges in a second, as far
 * as it was asked this time, and why it dropped them.
 */
export function funnelTable({ found, kept, rows }: Funnel, times: ReadonlyMap<string, RuleTime> = new Map()): string {
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
  return `${table([header, ...lines], [0, 5])}${note}\n${count(kept)} of ${count(found)} pairs kept${share}`;
}

const perSecond = (time: RuleTime | undefined): string =>
  time && time.asked > 0 && time.ms > 0 ? count(Math.round((1000 * time.asked) / time.ms)) : '';

const reasonsShown = 6;

function reasonList(reasons: Funnel['rows'][number]['reasons']): string {
  const shown = reasons.slice(0, reasonsShown).map(({ reason, count: n }) => `${reason} ${count(n)}`);
  const rest = reasons.slice(reasonsShown).reduce((sum, { count: n }) => sum + n, 0);
  return [...shown, ...(rest > 0 ? [`others ${count(rest)}`] : [])].join(', ');
}

/** Without the keys that have no value, which are the preset's, and those that name models and files. */
const given = ({ unsafe, photo, relevance, relevanceHead, vocabulary, ...numbers }: Config['filter']): RecipeOptions =>
  Object.fromEntries(
    Object.entries(numbers satisfies KnownTo<RecipeOptions, typeof numbers>).filter(([, value]) => value !== undefined),
  );
