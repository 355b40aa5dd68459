import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noSigns, signsAfter } from '../../../model/train/signs.ts';

const entropy = Math.log(2);
const turned =
  "itc has turned: its held-out loss rose from 3.000 at step 1 to 3.300 while training's fell from 4.000 to 2.000";
const nothing =
  'itm has learned nothing yet: its loss stays at the entropy of its labels (0.693 of 0.693), as if it said the same of every pair';

/** What each evaluation says, by the losses of training and of held-out pairs at steps 1, 2, … */
const tables: [name: string, objective: 'itc' | 'itm', training: number[], heldOut: number[], said: string[][]][] = [
  ['held out rises for three evaluations while training falls', 'itc', [4, 3, 2.5, 2, 1.5], [3, 3.1, 3.2, 3.3, 3.4], [[], [], [], [turned], []]],
  ['it is said again after a new lowest', 'itc', [4, 3, 2.5, 2, 1.5, 1, 0.9, 0.8], [3, 3.1, 3.2, 3.3, 2.9, 3.1, 3.2, 3.4], [[], [], [], [turned], [], [], [], ["itc has turned: its held-out loss rose from 2.900 at step 5 to 3.400 while training's fell from 1.500 to 0.800"]]],
  ['both rise', 'itc', [2, 3, 4, 5], [3, 3.1, 3.2, 3.3], [[], [], [], []]],
  ['it rises by less than 2 %', 'itc', [4, 3, 2, 1], [3, 3.01, 3.02, 3.05], [[], [], [], []]],
  ['it comes back within three evaluations', 'itc', [4, 3, 2, 1], [3, 3.2, 3.2, 3], [[], [], [], []]],
  ['matching stays at its entropy', 'itm', [0.7, 0.695, entropy, 0.694], [0.692, 0.7, 0.694, 0.692], [[], [], [nothing], []]],
  ['matching begins to learn', 'itm', [0.7, 0.695, 0.6, 0.5], [0.692, 0.7, 0.68, 0.6], [[], [], [], []]],
]; // biome-ignore format: a table

for (const [name, objective, training, heldOut, said] of tables) {
  test(name, () => {
    let signs = noSigns;
    const lines = training.map((own, index) => {
      const of = (loss: number) => ({ losses: { [objective]: loss }, itmEntropy: entropy });
      const found = signsAfter(signs, { step: index + 1, training: of(own), heldOut: of(heldOut[index]!) });
      // As a checkpoint keeps them.
      signs = JSON.parse(JSON.stringify(found.signs));
      return found.lines;
    });
    assert.deepEqual(lines, said);
  });
}
