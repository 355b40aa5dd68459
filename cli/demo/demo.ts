/**
 * `lait demo`: the whole line on a website of its own, from the crawl to retrieval. Each step is the command that a user
 * would type, run as a process of its own, so the demo shows nothing that cannot be done by hand.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { writeFileAtomic } from '../../dataset/atomic-file.ts';
import { makeFolder } from '../../dataset/make-folder.ts';
import { expected, UserError } from '../../dataset/user-error.ts';
import type { DemoFlags } from '../call-flags.ts';
import { checkCorpusDir, type Nothing, type PlainContext } from '../command.ts';
import { configFileName } from '../config.ts';
import { readConfig } from '../config-file.ts';
import { regionsDir } from '../data-place.ts';
import { clock } from '../progress.ts';
import { laitScript } from '../setup/run.ts';
import { type SiteTruth, startDemoSite } from './site.ts';

/** Runs every step in order. The exit code is 0, or that of the first step that failed. Fewer pictures make a quicker demo and a poorer model. */
export async function demo({ flags, signal }: PlainContext<DemoFlags>): Promise<void> {
  const { corpus: folder, pictures, steps, ...others } = flags;
  others satisfies Nothing;
  const corpusDir = resolve(checkCorpusDir(folder));
  const configFile = join(corpusDir, configFileName);
  // The same command again goes on.
  if (steps !== undefined && existsSync(configFile) && readConfig(corpusDir).pretrain.steps !== steps) {
    throw new UserError(`--steps has no effect on a demo that exists; edit ${configFile}, or give another --corpus.`);
  }
  refuseForeign(corpusDir, configFile);
  const started = performance.now();
  const site = await startDemoSite({ port: earlierPort(corpusDir), ...(pictures === undefined ? {} : { pictures }) });
  console.log(`A website of ${site.pictureCount} pictures (OpenMoji) in eight languages is up at ${site.url}`);
  const corpus = shown(corpusDir);
  try {
    makeFolder(corpusDir);
    if (!existsSync(configFile)) writeFileAtomic(configFile, settings(site.url, steps ?? defaultSteps));
    for (const [what, ...command] of line(corpus)) {
      const stepStarted = performance.now();
      const args = [...command, '--corpus', corpus];
      console.log(`\n── ${what}\n$ lait ${args.join(' ')}`);
      const code = await lait(args);
      if (code !== 0) {
        console.error(`lait demo: this step ended with exit code ${code}; the same command again goes on from here`);
        process.exitCode = code;
        return;
      }
      console.log(`(${clock(performance.now() - stepStarted)})`);
    }
    console.log('\n── What only the website knew: which texts were right');
    await tellOutcome(corpusDir, site.truth, signal);
  } finally {
    await site.close();
  }
  console.log(`\nDone in ${clock(performance.now() - started)}.${whatNext(corpus, site.url)}`);
}

/** The demo's corpus is its own: in another it would crawl its site into somebody's pairs, or go on with somebody's settings. */
function refuseForeign(corpusDir: string, configFile: string): void {
  const isThere = existsSync(corpusDir) && readdirSync(corpusDir).length > 0;
  if (!isThere || (existsSync(configFile) && readFileSync(configFile, 'utf8').startsWith(mark))) return;
  throw expected('a new folder or an earlier demo', 'the corpus', corpusDir, 'name another with --corpus');
}

/** Ours: the best checkpoint by held-out pairs is one of the first hundred steps (docs/learning.md). */
const defaultSteps = 150;

const run = 'demo';
const secondRun = 'relevant';

/** Ours: a model of so few pictures does not tell how many of their texts are wrong (docs/learning.md). */
const relevanceShare = 0.8;

/** What is done, and the arguments of the command that does it. */
const line = (corpus: string): readonly (readonly [what: string, ...command: string[]])[] => {
  const shards = `${corpus}/${secondRun}`;
  const relevance = ['--relevance', `${corpus}/runs/${run}`, '--relevance-head', 'map'];
  return [
    ['Find the pages, their pictures and every text that may describe them', 'crawl'],
    ['Keep what a model can learn from: English, large enough, no copies', 'filter'],
    ['Write shards, one image in seven held out', 'export'],
    ['Look at the pictures with an object detector', 'regions'],
    ['Train a tiny ImageBERT on its four objectives, and image-text contrast', 'pretrain'],
    ['Find held-out pictures by their text, and texts by their picture', 'evaluate'],
    [
      'Filter again, by how well a text fits its picture: each is scored by what was learned from other pictures',
      ...['filter', ...relevance, '--relevance-share', String(relevanceShare)],
    ],
    ['Write shards of what is left', 'export', '--out', shards],
    ['Look at pictures that were not among the first', 'regions', '--shards', shards],
    ['Train once more, from the better shards', 'pretrain', '--shards', shards, '--run', secondRun],
  ];
};

/** Prints what only the site can tell, and writes it into the report. */
async function tellOutcome(corpusDir: string, truth: SiteTruth, signal: AbortSignal): Promise<void> {
  const [{ outcome, outcomeText }, { writeReport }] = await Promise.all([
    import('./outcome.ts'),
    import('../report.ts'),
  ]);
  const runOf = (name: string, learnedFrom: string, shards: string) => ({
    name: learnedFrom,
    dir: join(corpusDir, 'runs', name),
    shards: join(corpusDir, shards),
  });
  const tables = await outcome({
    corpusDir,
    regions: regionsDir(corpusDir, readConfig(corpusDir).regions),
    truth,
    rule: 'corpus/relevance-share',
    runs: [runOf(run, 'all', 'shards'), runOf(secondRun, 'what relevance kept', secondRun)],
    signal,
  });
  console.log(outcomeText(tables));
  await writeReport({ corpusDir, path: join(corpusDir, 'report.html'), tables, signal });
}

/** How the demo's own settings begin. */
const mark = "# The demo's settings";

/** What differs from the defaults, which are for photographs of the open web and for training that takes days. */
const settings = (
  url: string,
  steps: number,
): string => `${mark}; \`lait init\` writes a file with every key and its meaning.
crawl:
  seeds: ["${url}"]
  allowPrivate: true # the site is on this machine
  minDelayMs: 0 # and ours
export:
  validationFraction: 0.15
regions:
  features: centernet # drawings in a hurry: a small input, no second network
  inputSidePx: 256
pretrain:
  run: ${run}
  steps: ${steps}
  evaluateEverySteps: 25 # a short run
evaluate:
  run: ${run}
match:
  run: ${run}
`;

function lait(args: readonly string[]): Promise<number> {
  return new Promise((done, reject) => {
    const child = spawn(process.execPath, [laitScript(), ...args], { stdio: 'inherit' });
    // The terminal sends Ctrl-C to the child too: it saves and ends, and its exit code ends the demo.
    const wait = (): void => undefined;
    process.on('SIGINT', wait);
    child.once('error', reject);
    child.once('close', (code) => {
      process.off('SIGINT', wait);
      done(code ?? 1);
    });
  });
}

/** A page's URL holds the port, so a demo that goes on must serve on the port it began with. */
function earlierPort(corpusDir: string): number {
  const [seed] = readConfig(corpusDir).crawl.seeds;
  return seed === undefined ? 0 : Number(new URL(seed).port);
}

/** The path as one would type it: relative below this directory, else absolute. */
function shown(dir: string): string {
  const path = relative(process.cwd(), dir) || '.';
  return path.startsWith('..') ? dir : path;
}

const whatNext = (corpus: string, url: string): string => `
Everything lies in ${corpus}/:
  lait.yaml          the settings of all commands
  ledger.db          what became of every page, image and pair
  raw/               the original images
  shards/            WebDataset shards, train and validation, with parquet tables and a manifest
  ${secondRun}/          the same without the texts that fit their picture least
  regions/           what the detector saw
  runs/              the two trained models, ${run} and ${secondRun}
  report.html        the funnel with pictures, and what only the website knew
Try next:
  npx lait filter --corpus ${corpus} --min-side-px 64     a moved threshold needs no new crawl
  npx lait ledger explain ${url}en/gallery --corpus ${corpus}     what became of a page's pictures
  npx lait pretrain --corpus ${corpus} --run longer --steps 3000     another run, longer
  npx lait crawl https://your.site/ --corpus mine --contact you@your.site`;
