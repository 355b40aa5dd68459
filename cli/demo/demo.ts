/**
 * `lait demo`: the whole line on a website of its own, from the crawl to retrieval. Each step is the command that a user
 * would type, run as a process of its own, so the demo shows nothing that cannot be done by hand.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { init } from '../init.ts';
import { clock } from '../progress.ts';
import { repositoryRoot } from '../setup/run.ts';
import { startDemoSite } from './site.ts';

export interface DemoOptions {
  readonly corpusDir: string;
  /** Pictures of the site; fewer make a quicker demo and a poorer model. */
  readonly pictures?: number;
  readonly steps?: number;
}

const run = 'demo';

/** Runs every step in order and returns the exit code: 0, or that of the first step that failed. */
export async function demo({ corpusDir, pictures, steps = 1500 }: DemoOptions): Promise<number> {
  const started = performance.now();
  const site = await startDemoSite({ port: earlierPort(corpusDir), ...(pictures === undefined ? {} : { pictures }) });
  console.log(`A website of ${site.pictureCount} pictures (OpenMoji) in eight languages is up at ${site.url}`);
  if (!existsSync(join(corpusDir, 'lait.yaml'))) init(corpusDir);
  writeFileSync(join(corpusDir, portFile), new URL(site.url).port);
  const corpus = ['--corpus', relative(process.cwd(), corpusDir) || '.'];
  try {
    for (const [what, ...args] of stepsOf(site.url, steps)) {
      const stepStarted = performance.now();
      const command = [...args, ...corpus];
      console.log(`\n── ${what}\n$ lait ${command.join(' ')}`);
      const code = await lait(command);
      if (code !== 0) {
        console.error(`lait demo: this step ended with exit code ${code}; \`lait demo\` again goes on from here`);
        return code;
      }
      console.log(`(${clock(performance.now() - stepStarted)})`);
    }
  } finally {
    await site.close();
  }
  console.log(`\nDone in ${clock(performance.now() - started)}.${whatNext(relative(process.cwd(), corpusDir) || '.')}`);
  return 0;
}

const stepsOf = (url: string, steps: number): string[][] => [
  [
    'Find the pages, their pictures and every text that may describe them',
    'crawl',
    url,
    '--allow-private',
    ...['--min-delay-ms', '0'],
  ],
  ['Keep what a model can learn from: English, large enough, no copies', 'filter'],
  ['Write shards, one image in seven held out', 'export', '--validation-fraction', '0.15'],
  ['Look at the pictures with an object detector', 'regions', '--input-side-px', '256'],
  [
    'Train a tiny ImageBERT on its four objectives, and image-text contrast',
    'pretrain',
    ...['--run', run, '--steps', String(steps), '--learning-rate', '1e-3', '--itc', '1'],
  ],
  ['Find held-out pictures by their text, and texts by their picture', 'evaluate', '--run', run],
];

function lait(args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(repositoryRoot, 'cli/lait.mjs'), ...args], { stdio: 'inherit' });
    // The terminal sends Ctrl-C to the child too: it saves and ends, and its exit code ends the demo.
    const wait = (): void => undefined;
    process.on('SIGINT', wait);
    child.once('error', reject);
    child.once('close', (code) => {
      process.off('SIGINT', wait);
      resolve(code ?? 1);
    });
  });
}

const portFile = '.demo-port';

/** A page's URL holds the port, so a demo that goes on must serve on the port it began with. */
function earlierPort(corpusDir: string): number {
  const path = join(corpusDir, portFile);
  return existsSync(path) ? Number(readFileSync(path, 'utf8')) : 0;
}

const whatNext = (corpus: string): string => `
Everything lies in ${corpus}/:
  lait.yaml          every setting, with its meaning
  ledger.db          what became of every page, image and pair
  raw/               the original images
  shards/            WebDataset shards, train and validation, with parquet tables and a manifest
  regions/           what the detector saw
  runs/${run}/         the trained model
Try next:
  npx lait filter --corpus ${corpus} --min-side-px 64     a moved threshold needs no new crawl
  npx lait pretrain --corpus ${corpus} --run ${run} --steps 3000     the same run goes on
  npx lait crawl https://your.site/ --corpus mine --contact you@your.site`;
