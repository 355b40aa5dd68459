/** Filters the corpus of the first argument and ends as by `kill -9` when so many pairs are judged, given as the second. */
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { recipe } from '../../filters/recipe.ts';
import { screen } from '../../filters/screen.ts';

const [corpusDir = '', most = ''] = process.argv.slice(2);
void screen({
  ledger: Ledger.open(corpusDir),
  recipe: recipe({ minBytes: 0 }),
  batchSize: 6,
  onProgress: ({ judged }) => {
    if (judged >= Number(most)) process.kill(process.pid, 'SIGKILL');
  },
});
