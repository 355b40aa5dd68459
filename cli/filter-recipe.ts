/** The recipe that the settings of `lait filter` make, with the models that they name. */
import { expected } from '../dataset/user-error.ts';
import { type Recipe, type RecipeOptions, recipe } from '../filters/recipe.ts';
import type { KnownWords } from '../filters/text/rare-words.ts';
import type { CommandContext, KnownTo } from './command.ts';
import { type Config, classNames } from './config.ts';
import { knownWords } from './known-words.ts';

/**
 * With the model that anybody has, where a share by relevance is wanted, or a threshold of it given in this call, and none is named. Throws a
 * UserError for a threshold of `lait.yaml` alone (`configured`), where it is that of a model that nobody names, or of another one.
 */
export function withModel({
  settings,
  given,
  config: { filter: configured },
}: Pick<CommandContext<'filter'>, 'settings' | 'given'> & {
  readonly config: Pick<Config, 'filter'>;
}): Config['filter'] {
  const { relevance, relevanceShare, minRelevance } = settings;
  const isConfigured = minRelevance !== undefined && given.minRelevance === undefined;
  if (isConfigured && configured.relevance !== undefined && relevance !== configured.relevance)
    throw expected(
      `${configured.relevance}, whose minRelevance ${minRelevance} lait.yaml has, since a threshold is of one model,`,
      'filter.relevance',
      relevance ?? 'none',
      'give --min-relevance a number of that model, or change both in lait.yaml',
    );
  if (relevance !== undefined || (relevanceShare ?? minRelevance) === undefined) return settings;
  if (isConfigured)
    throw expected(
      'a model, since a threshold is of one',
      'filter.relevance beside filter.minRelevance',
      'none',
      `add relevance: ${classNames}, hf://OWNER/NAME or another that it is of, or take minRelevance out`,
    );
  return { ...settings, relevance: classNames };
}

export interface OpenedRecipe {
  readonly recipe: Recipe;
  /** Frees the models. */
  readonly dispose: () => void;
}

/** `frequent` gives the words that the corpus has often, when the recipe has a rule on them. Throws a UserError for a model that is not there. */
export async function openRecipe(
  config: Config,
  settings: Config['filter'],
  {
    corpusDir,
    frequent,
  }: { readonly corpusDir: string; readonly frequent: (vocabulary: KnownWords) => ReadonlySet<string> },
): Promise<OpenedRecipe> {
  const { scorers, dispose } =
    settings.unsafe || settings.photo || settings.relevance
      ? await load({ ...config, filter: settings }, corpusDir)
      : noScorers;
  try {
    return { recipe: recipe({ ...numbersOf(settings), ...scorers, ...knownWords(settings, frequent) }), dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

const noScorers = { scorers: {}, dispose: () => undefined };

/** Late, since models bring TensorFlow with them. */
const load = async (config: Config, corpusDir: string) => (await import('./scorers.ts')).openScorers(config, corpusDir);

/** Without the keys that have no value, which are the preset's, and those that name models and files. */
const numbersOf = ({
  unsafe,
  photo,
  relevance,
  relevanceHead,
  vocabulary,
  ...numbers
}: Config['filter']): RecipeOptions =>
  Object.fromEntries(
    Object.entries(numbers satisfies KnownTo<RecipeOptions, typeof numbers>).filter(([, value]) => value !== undefined),
  );
