/** A crawl in a process of its own, to be killed: options come as JSON in CRAWL_OPTIONS, one line is printed at the start. */
import { crawl } from '../../crawler/crawl.ts';
import { openCorpus } from '../helpers/corpus.ts';

const options = JSON.parse(process.env.CRAWL_OPTIONS!);
const corpus = openCorpus(options.corpusDir);
console.log('begins');
await crawl(options, corpus);
corpus.close();
