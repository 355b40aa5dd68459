/** A checkpoint that scores pairs and embeds, through an executable of its own. */
import { specialPieceIds } from '../data/tokenizer.ts';
import { similarityScale } from '../net/objectives/itc.ts';
import { parameterSpecs } from '../net/parameters.ts';
import { openImageMap, withImageMap } from '../ranking/image-map.ts';
import { type Scoring, scoringFunctions, scoringOf } from '../ranking/scoring.ts';
import { openExecutable } from '../runtime/executable.ts';
import type { Precision } from '../runtime/traced-function.ts';
import type { Checkpoint } from '../train/checkpoint.ts';
import { readImageMap } from '../train/image-map.ts';

export interface RetrievalModelOptions {
  readonly compiled?: boolean;
  readonly precision?: Precision;
  /** Pairs per call. Ours: 128, from which on the speed of `tiny` and `mini` no longer grows on two cores. */
  readonly batchPairs?: number;
}

export interface RetrievalModel extends Scoring {
  dispose(): void;
}

export function openRetrievalModel(
  { dir, config, vocabulary, objectives, featureStatistics, values }: Checkpoint,
  { batchPairs = 128, ...running }: RetrievalModelOptions = {},
): RetrievalModel {
  const special = specialPieceIds(vocabulary);
  const model = openExecutable({
    parameters: parameterSpecs(config, { itc: objectives.itc > 0 }),
    functions: scoringFunctions({ config, special }),
    ...running,
  });
  model.load(values);
  const kept = objectives.itc > 0 ? readImageMap(dir) : undefined;
  const map = kept && openImageMap(kept);
  const scoring = scoringOf(model, { config, special, featureStatistics }, { batchPairs });
  return {
    ...(map ? withImageMap(scoring, map) : scoring),
    // The parameters stay, and a further function would compile all of them anew.
    similarityScale: () => similarityScale(values.get('itc.temperature')?.[0] ?? 0),
    dispose: () => {
      model.dispose();
      map?.dispose();
    },
  };
}
