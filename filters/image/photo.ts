/**
 * Drops pictures that are no photographs: drawings, screenshots, slides of text, diagrams. LAIT drops "unnatural,
 * non-realistic, non-learnable" images because the tasks it trains for show the natural world (§3 step 2).
 * 0.5 is ours: on sources that the model had not seen it drops 2 % of photographs and keeps 9 % of the rest, most of them paintings.
 */

import type { ImageScorer } from '../../dataset/scorer.ts';
import { drop, keep, type ScoredFilter } from '../filter.ts';

export const imagePhoto = (scorer: ImageScorer, { minProbability = 0.5 as number | null } = {}): ScoredFilter => ({
  name: 'image/photo',
  settings: { model: scorer.model, minProbability },
  scoreName: `image/photo@${scorer.model}`,
  subject: 'image',
  score: (samples) => scorer.score(samples.map(({ bytes }) => bytes)),
  judge: (probability) => (minProbability === null || probability >= minProbability ? keep : drop('not-a-photo')),
});
