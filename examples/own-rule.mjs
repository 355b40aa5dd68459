// A rule of one's own among the rules of a recipe: drops texts that ask. `node own-rule.mjs CORPUS`, on a corpus that was crawled.

import { Ledger } from 'lait/dataset';
import { drop, keep, recipe, screen } from 'lait/filters';

/** @type {import('lait/filters').Filter} */
const noQuestions = {
  name: 'own/questions',
  settings: { maxMarks: 0 },
  judge: ({ text }) => (text.includes('?') ? drop('asks') : keep),
};

const ledger = Ledger.openExisting(process.argv[2] ?? 'corpus');
const rules = recipe({ preset: 'lait' });
const { found, kept, rows } = await screen({ ledger, recipe: { ...rules, text: [noQuestions, ...rules.text] } });
for (const { rule, dropped } of rows) if (dropped > 0) console.log(`${rule} dropped ${dropped}`);
console.log(`${kept} of ${found} pairs kept`);
ledger.close();
