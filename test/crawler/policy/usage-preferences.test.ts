/** Usage preferences: what each draft's words say about training, and what says nothing (RFC 9651, AIPREF). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forbidsTraining } from '../../../crawler/policy/usage-preferences.ts';

for (const { value, forbids } of [
  { value: 'train-ai=n', forbids: true },
  { value: 'search=y, train-ai=n', forbids: true },
  { value: 'train-ai=n;exceptions="x, train-ai=y"', forbids: true },
  { value: 'train-ai=y', forbids: false },
  { value: 'search=n', forbids: false },
  { value: 'do-not-train-ai=n', forbids: false },
  { value: 'x="train-ai=n"', forbids: false },
  { value: 'x=(train-ai=n)', forbids: false },
  { value: 'train-ai;allow=n, train-ai=y', forbids: false },
  // The drafts' own examples of what says nothing.
  { value: 'train-ai=y, train-ai, search=n, search="n"', forbids: false },
  { value: 'train-ai;has;parameters="?"', forbids: false },
  { value: 'train-ai="n"', forbids: false },
  { value: 'train-ai=?0', forbids: false },
  // Of a name given twice the last counts.
  { value: 'train-ai=y, train-ai=n', forbids: true },
  { value: 'train-ai=n, train-ai=y', forbids: false },
  // No dictionary: nothing of it counts.
  { value: 'Train-AI=n', forbids: false },
  { value: 'train-ai=n,', forbids: false },
  { value: 'train-ai=n, =', forbids: false },
  { value: '', forbids: false },
  // Names of older drafts.
  { value: 'ai=n', forbids: true },
  { value: 'genai=n', forbids: true },
  { value: 'train-genai=n', forbids: true },
  { value: 'train-ai=y, train-genai=n', forbids: true },
  { value: 'foundation-model-production=n', forbids: true },
  { value: 'tdm=n', forbids: true },
  { value: 'all=n', forbids: true },
  { value: 'bots=n', forbids: true },
  { value: 'bots=n, train-ai=y', forbids: false },
  { value: 'bots=y', forbids: false },
  { value: 'ai-output=n, inference=n, ai-use=n', forbids: false },
]) {
  test(`Content-Usage ${value}`, () => assert.equal(forbidsTraining(value), forbids));
}

for (const { value, forbids } of [
  { value: 'ai-train=no, search=yes', forbids: true },
  { value: 'search=yes,ai-train=no', forbids: true },
  { value: 'search=yes, ai-input=no, ai-train=yes', forbids: false },
  { value: 'AI-Train = No', forbids: true },
  { value: 'search=yes; ai-train="no"', forbids: true },
  { value: 'do-not-ai-train=no', forbids: false },
  { value: 'ai-train', forbids: false },
]) {
  test(`Content-Signal ${value}`, () => assert.equal(forbidsTraining(value, 'content-signal'), forbids));
}
