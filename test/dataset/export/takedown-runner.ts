/** Takes the URLs after its first argument, a corpus, down; says when it starts. */
import { takedown } from '../../../dataset/export/takedown.ts';

const [corpusDir = '', ...urls] = process.argv.slice(2);
process.stdout.write('start\n');
await takedown({ corpusDir, urls });
