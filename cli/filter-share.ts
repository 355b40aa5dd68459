/** A filter that other machines help with: what they are told of it, and how it is judged there and here. */
import { openFilterJob } from '../crawler/shared/filter-job.ts';
import { openJudge } from '../crawler/shared/judge.ts';
import { placeOf } from '../crawler/shared/store.ts';
import { withCleanup } from '../dataset/cleanup.ts';
import { corpusMark } from '../dataset/ledger/corpus-mark.ts';
import type { Ledger } from '../dataset/ledger/ledger.ts';
import { allRecipes, type RuleRecord, ruleIdentity } from '../dataset/ledger/recipes.ts';
import { UserError } from '../dataset/user-error.ts';
import { packed, unpacked } from '../filters/batch-content.ts';
import { handOut, pairsHandedOut } from '../filters/hand-out.ts';
import { judgeHandedOut, type OpenedJob } from '../filters/judge-handed-out.ts';
import { type Recipe, ruleRecords } from '../filters/recipe.ts';
import type { JudgeAll } from '../filters/screen.ts';
import { forgetAsked, pairsOf, rememberAsked } from './asked-jobs.ts';
import { type Config, configFileName } from './config.ts';
import { openRecipe } from './filter-recipe.ts';
import { storeOf } from './store.ts';

/** What a judge is told of a job. */
interface JobSpec {
  readonly settings: Config['filter'];
  readonly rules: readonly RuleRecord[];
  readonly earlier: readonly (readonly [recipe: number, rules: readonly RuleRecord[]])[];
  /** The words that the corpus has often; none where no rule asks for them. */
  readonly words: readonly string[];
}

export interface ShareOptions {
  readonly corpusDir: string;
  readonly config: Config;
  readonly settings: Config['filter'];
  readonly ledger: Ledger;
  readonly recipe: Recipe;
  /** The words that the corpus has often, as far as the recipe has asked for them. */
  readonly words: ReadonlySet<string>;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
  /** Hears how many judges are at work, this one among them. */
  readonly onJudges: (judges: number) => void;
}

/** How batches of `batchSize` are judged by many machines. Throws a UserError where these could not judge them. */
export function sharing(options: ShareOptions): { readonly batchSize: number; readonly judgeAll: JudgeAll } {
  const { corpusDir, config, settings, ledger, recipe, words, say, onJudges } = options;
  const url = storeOf(config, corpusDir);
  checkBlobs(config, corpusDir, recipe);
  const earlier = allRecipes(ledger);
  return {
    batchSize: pairsHandedOut,
    judgeAll: (batches, { rules, read, record }) =>
      withCleanup(async (defer) => {
        const done = new AbortController();
        const signal = AbortSignal.any([options.signal, done.signal]);
        const spec: JobSpec = { settings, rules, earlier: [...earlier], words: [...words] };
        const { id: ledgerId } = corpusMark(ledger);
        const [handedOut, at] = [pairsOf(ledgerId), { store: placeOf(url), blobs: null }];
        rememberAsked(corpusDir, handedOut, at);
        const onRemoved = (): void => forgetAsked(corpusDir, handedOut, at);
        const job = await openFilterJob(
          { url, corpusDir, ledgerId, spec: await packed(spec), signal, say, onRemoved },
          defer,
        );
        const { id: ownJob, store, leaseMs } = job;
        const desk = await openJudge({ store, leaseMs, corpusDir, ownJob, signal, say }, defer);
        let isSaid = false;
        const onState = ({ judges, here }: { readonly judges: number; readonly here: number }): void => {
          onJudges(judges);
          if (here === 0 || isSaid) return;
          isSaid = true;
          say(`pictures that are not in ${config.blobs} are judged on this machine`);
        };
        const own = judgeHandedOut({
          ...{ desk, read, signal, hasAllPictures: true },
          open: async () => ({ recipe, earlier, dispose: () => undefined }),
        });
        own.catch((error: unknown) => done.abort(error));
        const all = handOut(batches, { record }, { ledger, recipe, counter: job, signal, onState });
        const [ended] = await Promise.allSettled([all.finally(() => done.abort()), own]);
        if (ended.status === 'rejected') throw ended.reason;
      }),
  };
}

/** Opens a job from what is told of it. Throws a UserError where this machine would judge otherwise than the one that hands out. */
export async function openJob(bytes: Buffer, config: Config, corpusDir: string): Promise<OpenedJob> {
  const { settings, rules, earlier, words } = (await unpacked(bytes)) as JobSpec;
  const frequent = new Set(words);
  const { recipe, dispose } = await openRecipe(config, settings, { corpusDir, frequent: () => frequent });
  try {
    checkBlobs(config, corpusDir, recipe);
    const own = new Map(ruleRecords(recipe).map((rule) => [rule.name, ruleIdentity(rule)]));
    const other = rules.find((rule) => own.get(rule.name) !== ruleIdentity(rule));
    if (other !== undefined || own.size !== rules.length) {
      const name = other?.name ?? [...own.keys()].find((rule) => rules.every((one) => one.name !== rule));
      throw new UserError(
        `Expected the rule ${name} of the machine that hands out but received another one here; use one version of lait, and the same models, on all machines.`,
      );
    }
    return { recipe, earlier: new Map(earlier), dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

function checkBlobs({ blobs }: Config, corpusDir: string, { scored = [] }: Recipe): void {
  if (blobs !== undefined || scored.length === 0) return;
  const rules = scored.map(({ name }) => name).join(', ');
  throw new UserError(
    `Expected blobs: s3://BUCKET/PREFIX in ${corpusDir}/${configFileName} but received none; ${rules} read pictures, and many machines find them there: name it, or filter on one machine.`,
  );
}
