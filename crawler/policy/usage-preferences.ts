/**
 * Usage preferences of AIPREF (draft-ietf-aipref-vocab-07 and -attach-05 of 2026: `Content-Usage`, a dictionary of RFC 9651)
 * and of Cloudflare's Content Signals, which look alike but are no structured field. Categories that older drafts had are read
 * as well: sites go on sending what they once wrote.
 */
import { parseDictionary, Token } from 'structured-headers';

/** One statement of preference as it was written, by the name of its header or robots.txt line. */
export interface UsagePreference {
  readonly field: 'content-usage' | 'content-signal';
  readonly value: string;
}

/** Training by the names of all drafts. `train-ai` is today's; `ai`, `genai` of draft 00, `train-genai` of 01 to 04. */
const training = ['train-ai', 'train-genai', 'ai', 'genai', 'foundation-model-production', 'ai-train'];

/** What included training in older drafts unless training was named: `tdm` of 00, `all` of 01 and 02, `bots` of 03 and 04. */
const broader = ['bots', 'all', 'tdm'];

/**
 * True when a statement says no to training. One that is no dictionary, a name in capitals or a value that is no token says
 * nothing (vocab §6.6); of a name given twice the last counts.
 */
export function forbidsTraining(value: string, field: UsagePreference['field'] = 'content-usage'): boolean {
  const said = field === 'content-usage' ? dictionary(value) : signals(value);
  const answers = training.map((name) => said.get(name));
  if (answers.includes('n')) return true;
  return !answers.includes('y') && broader.some((name) => said.get(name) === 'n');
}

function dictionary(value: string): Map<string, string> {
  try {
    const tokens = [...parseDictionary(value)].map(
      ([name, [item]]) => [name, item instanceof Token ? `${item}` : ''] as const,
    );
    return new Map(tokens.map(([name, token]) => [name, shortAnswer(token)]));
  } catch {
    return new Map();
  }
}

/** `ai-train=no, search=yes`, read as forgivingly as the lines of robots.txt. */
function signals(value: string): Map<string, string> {
  const parts = value
    .toLowerCase()
    .replace(/\s+/g, ' ')
    .replace(/ ?= ?/g, '=')
    .split(/[,;\s]+/);
  return new Map(
    parts.map((part) => {
      const [name = '', answer = ''] = part.split('=', 2);
      return [name.trim(), shortAnswer(answer.replaceAll('"', '').trim())];
    }),
  );
}

const shortAnswers: ReadonlyMap<string, string> = new Map([
  ['no', 'n'],
  ['yes', 'y'],
]);
const shortAnswer = (answer: string): string => shortAnswers.get(answer) ?? answer;
