/**
 * Scores how well the text describes the image and drops pairs below a threshold (LAIT §3 step 4: a weak model of
 * semantic relevance, no number). An absolute threshold belongs to one model; without one every pair keeps its score and
 * `corpus/relevance-share` keeps the best share of them.
 */

import type { RelevanceScorer } from '../../dataset/scorer.ts';
import { drop, keep, type ScoredFilter } from '../filter.ts';

export const matchRelevance = (scorer: RelevanceScorer, { minScore = null as number | null } = {}): ScoredFilter => ({
  name: 'match/relevance',
  settings: { model: scorer.model, minScore },
  scoreName: relevanceScore(scorer),
  subject: 'pair',
  score: (samples) => scorer.score(samples.map(({ bytes, sha256, text }) => ({ image: bytes, sha256, text }))),
  judge: (score) => (minScore === null || score >= minScore ? keep : drop('irrelevant')),
});

/** The name that a scorer's relevance is stored under. */
export const relevanceScore = ({ model }: RelevanceScorer): string => `match/relevance@${model}`;
