/** A threshold of relevance is of one model, which `lait.yaml` has to name beside it. */
import type { Ledger } from '../../dataset/ledger/ledger.ts';
import { currentRecipe } from '../../dataset/ledger/recipes.ts';
import { UserError } from '../../dataset/user-error.ts';
import { classNames } from '../config.ts';

/**
 * The model to be written beside a threshold of relevance that was chosen by the scores of the current recipe; undefined where `configured` is
 * there already. The ledger has a model's identity and not what its operator calls it: throws a UserError where it is another than the
 * configured one, as far as that can be told, or one that only the operator can name.
 */
export function modelBeside(ledger: Ledger, configured: string | undefined): string | undefined {
  const rule = currentRecipe(ledger)?.rules.find(({ name }) => name === 'match/relevance');
  const isOfClasses = String(rule?.settings.model ?? '').startsWith('class-names-');
  if (isOfClasses && configured === undefined) return classNames;
  if (configured !== undefined && isOfClasses === (configured === classNames)) return undefined;
  throw new UserError(
    `Expected filter.relevance in lait.yaml to be the model that the corpus was judged with (${rule?.settings.model ?? 'none'}), ` +
      `since a threshold is of one, but received ${configured ?? 'none'}; write there what \`lait filter --relevance\` was given.`,
  );
}
