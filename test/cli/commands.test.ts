/**
 * A flag is read, or it is not there. That a command reads all that it declares is a matter of types: it takes its settings and flags
 * apart by name and leaves `Nothing`, or hands them to options that know them (`KnownTo`), else it does not compile. Here is what is
 * refused: flags of other commands, and flags that would have no effect beside or without another.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { Command } from 'commander';
import type { KnownTo, Nothing } from '../../cli/command.ts';
import { addCommands } from '../../cli/commands.ts';
import { main } from '../../cli/main.ts';

// A GPU of this machine does not count here.
process.env.CUDA_VISIBLE_DEVICES = '-1';

const corpus = mkdtempSync(join(tmpdir(), 'lait-commands-'));
after(() => rmSync(corpus, { recursive: true }));

/** Runs a command line in this process and gives its exit code and what it said on stderr. */
async function lait(...args: string[]): Promise<{ code: number; said: string }> {
  const { error } = console;
  const { write } = process.stderr;
  let said = '';
  console.error = (...words) => {
    said += `${words.join(' ')}\n`;
  };
  process.stderr.write = (text) => {
    said += text;
    return true;
  };
  try {
    return { code: await main(args), said };
  } finally {
    console.error = error;
    process.stderr.write = write;
  }
}

/** Every command with the words that call it. */
const commands = await (async (): Promise<{ words: readonly string[]; command: Command }[]> => {
  const program = new Command();
  await addCommands(program, () => true);
  const of = (command: Command, path: readonly string[]): { words: readonly string[]; command: Command }[] => {
    const words = [...path, command.name()];
    if (command.commands.length > 0) return command.commands.flatMap((inner) => of(inner, words));
    return [{ words, command }];
  };
  return program.commands.flatMap((command) => of(command, []));
})();
const flagsOf = (command: Command): string[] => command.options.map(({ long }) => long ?? '');
const allFlags = [...new Set(commands.flatMap(({ command }) => flagsOf(command)))];

describe('a flag that a command does not have is refused', () => {
  it('there are 32 commands, and flags to try', () => {
    assert.equal(commands.length, 32);
    assert.ok(allFlags.length > 80, `${allFlags.length}`);
  });
  for (const { words, command } of commands) {
    it(`${words.join(' ')} knows no flags of the others`, () => {
      const own = flagsOf(command);
      for (const flag of allFlags.filter((one) => !own.includes(one))) {
        assert.deepEqual(command.parseOptions([flag]).unknown, [flag]);
      }
    });
  }
  for (const words of [
    'import coco a.json images --validation-fraction',
    'import coco a.json images --format',
    'match a.jpg text --folds',
    'match a.jpg text --images',
    'train-relevance --shards a --corpus',
    'schedule --cron @daily --urls',
    'doctor --corpus',
  ]) {
    it(words, async () => {
      const { code, said } = await lait(...words.split(' '), '1');
      assert.deepEqual([code, said.split('\n')[0]], [2, `error: unknown option '${words.split(' ').at(-1)}'`]);
    });
  }
});

describe('a flag that would have no effect is refused', () => {
  const cases: [words: string, message: string][] = [
    ['crawl http://127.0.0.1/ --seeds http://127.0.0.1/a', '--seeds has no effect beside URLs as arguments'],
    ['crawl --seeds http://127.0.0.1/ --urls a.csv', '--seeds has no effect beside --urls'],
    ['crawl --seeds http://127.0.0.1/ --warc a.warc', '--seeds has no effect beside --warc'],
    ['crawl http://127.0.0.1/ --url-column link', '--url-column has no effect without --urls'],
    ['crawl http://127.0.0.1/ --caption-column text', '--caption-column has no effect without --urls'],
    ['schedule --cron @daily --recrawl never', '--recrawl has no effect as never: a schedule visits pages again'],
    ['schedule http://a/ --cron @daily --seeds http://b/', '--seeds has no effect beside URLs as arguments'],
    ['work http://127.0.0.1/ --seeds http://127.0.0.1/a', '--seeds has no effect beside URLs as arguments'],
    ['work --only export --max-pages 5', '--max-pages has no effect with --only, which crawls nothing'],
    ['regions --share --shards .', '--share has no effect with --shards, which other machines do not read'],
    ['work --store-quality 90', '--store-quality has no effect without --store-side'],
    ['work --keep-pages', '--keep-pages has no effect in a crawl by many machines, which keeps none'],
    ['work --recrawl due', '--recrawl has no effect in a crawl by many machines, which visits no page again'],
    ['filter --min-photo 0.7', '--min-photo has no effect without --photo'],
    ['filter --likely-right', '--likely-right has no effect without --relevance'],
    ['filter --relevance-head itc', '--relevance-head has no effect without --relevance'],
    ['filter --preset laion --vocabulary a.txt', '--vocabulary has no effect with --preset laion, which has no rule on rare words'],
    ['filter --preset datacomp --vocabulary a.txt', '--vocabulary has no effect with --preset datacomp, which has no rule on rare words'],
    ['evaluate --split train --linear-map words', '--linear-map has no effect with --split train, which it would be fitted to'],
    ['crawl --store-quality 90', '--store-quality has no effect without --store-side'],
    ['schedule --store-quality 90', '--store-quality has no effect without --store-side'],
    ['export --layout fixed --rebuild', '--rebuild has no effect with --layout fixed, which is always written anew'],
    ['import urls a.tsv --samples-per-shard 5', '--samples-per-shard has no effect with the form urls, which writes no shards'],
    ['import urls a.tsv --shard-digits 5', '--shard-digits has no effect with the form urls, which writes no shards'],
    ['import urls a.tsv --encode jpeg', '--encode has no effect with the form urls, which writes no shards'],
    ['import urls a.tsv --resize border', '--resize has no effect with the form urls, which writes no shards'],
    ['import urls a.tsv --only-if-bigger', '--only-if-bigger has no effect with the form urls, which writes no shards'],
    ['import urls a.tsv --license mit', '--license has no effect with the form urls, which writes no shards'],
    ['export --size-px 300', '--size-px has no effect without --resize'],
    ['export --only-if-bigger', '--only-if-bigger has no effect without --resize'],
    ['export --encode original --quality 90', '--quality has no effect with --encode original'],
    ['export --encode original --resize border', '--resize has no effect with --encode original'],
    ['regions --detector patches --top-k 9', '--top-k has no effect with --detector patches, which takes every patch'],
    ['regions --detector patches --features joined', '--features has no effect with --detector patches'],
    ['regions --detector onnx --input-side-px 256', '--input-side-px has no effect with --detector onnx'],
    ['import urls a.tsv --quality 90', '--quality has no effect with the form urls, which writes no shards'],
    ['import urls a.tsv --keep-location', '--keep-location has no effect with the form urls, which writes no shards'],
    ['takedown --url https://a.example/ --distance 3', '--distance has no effect without --phash'],
    ['takedown --url https://a.example/ --undo --note x', '--note has no effect with --undo'],
    ['takedown --url https://a.example/ --undo --gone s3://birds/shards', '--gone has no effect with --undo'],
    ['takedown --url https://a.example/ --undo --export .', '--export has no effect with --undo'],
    ['import urls a.tsv --name birds', '--name has no effect with the form urls, which writes no shards'],
    ['import urls a.tsv --split test', '--split has no effect with the form urls, which writes no shards'],
    ['import flickr a.txt images --split test', '--split has no effect with the form flickr, which has --split-file'],
    ['import coco a.json images --image-column a', '--image-column has no effect with the form coco, it is for parquet'],
    ['import flickr a.txt images --text-column a', '--text-column has no effect with the form flickr, it is for parquet and webdataset'],
    ['import urls a.tsv --merge', '--merge has no effect with the form urls, which writes no shards'],
    ['import coco a.json images --split-file train=a', '--split-file has no effect with the form coco, it is for flickr'],
    ['import parquet a.parquet --size-px 300', '--size-px has no effect without --resize'],
    ['push hf://datasets/me/birds --run x', '--run has no effect with hf://datasets/…, which takes an export'],
    ['push hf://datasets/me/birds --checkpoint last', '--checkpoint has no effect with hf://datasets/…, which takes an export'],
    ['push hf://datasets/me/birds --license mit', '--license has no effect with hf://datasets/…, which takes an export'],
    ['push hf://me/birds --out x', '--out has no effect with hf://OWNER/NAME, which takes a run'],
    ['push hf://me/birds --run hf://me/wrens --checkpoint last', '--checkpoint has no effect with --run hf://me/wrens, which has one checkpoint'],
    ['match a.jpg text --run hf://me/birds --checkpoint last', '--checkpoint has no effect with --run hf://me/birds, which has one checkpoint'],
    ['evaluate --run hf://me/birds --checkpoint last', '--checkpoint has no effect with --run hf://me/birds, which has one checkpoint'],
    ['finetune --from hf://me/birds --checkpoint best', '--checkpoint has no effect with --from hf://me/birds, which has one checkpoint'],
    ['pretrain --from minilm --vocabulary-size 500', '--vocabulary-size has no effect with --from minilm, which brings its vocabulary'],
    ['pretrain --itc 0 --contrast-pooling first', '--contrast-pooling has no effect without --itc'],
    ['pretrain --itc 0 --contrast-start random', '--contrast-start has no effect without --itc'],
    ['pretrain --itc 0 --itm 0 --clean-matching', '--clean-matching has no effect where masked objectives, or matching and contrast, are off'],
    ['pretrain --tf32', '--tf32 has no effect without a GPU'],
    ['finetune --no-deterministic', '--no-deterministic has no effect without a GPU, where every run repeats'],
    ['finetune --margin 0.1', '--margin has no effect with --loss binary, it is for triplet'],
    ['evaluate --method itm --candidates 8', '--candidates has no effect with --method itm, it is for rerank'],
  ]; // biome-ignore format: a table
  for (const [words, message] of cases) {
    it(words, async () => {
      const { code, said } = await lait(...words.split(' '), '--corpus', corpus);
      assert.deepEqual([code, said], [2, `lait: ${message}; leave it out, or change that.\n`]);
    });
  }

  /** Flags that always matter: what they say is looked at, whatever else is said. */
  // biome-ignore format: a table
  const always: Readonly<Record<string, string>> = {
    // What a crawl does with the pages that are queued, and they may be from another day.
    crawl: 'corpus urls warc contact scope maxPages maxDepth concurrency minDelayMs render keepPages storeSide allow deny allowPrivate recrawl signatureKey signatureAgent',
    schedule: 'corpus cron timezone then contact scope maxPages maxDepth concurrency minDelayMs render keepPages storeSide allow deny allowPrivate signatureKey signatureAgent',
    work: 'corpus contact scope maxPages maxDepth concurrency minDelayMs render storeSide allow deny allowPrivate signatureKey signatureAgent metricsPort only',
    workers: 'corpus',
    collect: 'corpus without sweep',
    'store move': 'corpus',
    extract: 'corpus again',
    judge: 'corpus metricsPort',
    filter: 'corpus share preset languages allowHosts denyHosts minDominance minSidePx maxAspectRatio minBytes minEntropyBits minSharpness minWords maxWords maskPersons maxImagesPerText maxDuplicateBits unsafe photo relevance minRelevance relevanceShare maxPairsPerHost',
    report: 'corpus out',
    view: 'corpus port edit',
    embed: 'corpus relevance follow',
    'labels export': 'corpus seed each out',
    'labels precision': 'corpus seed each',
    retry: 'corpus reason',
    takedown: 'corpus url host sha256 md5 phash list undo',
    'ledger explain': 'corpus',
    export: 'corpus layout out subset format validationFraction samplesPerShard shardDigits encode keepLocation name license gone share',
    regions: 'corpus shards detector',
    verify: 'corpus out repair',
    push: 'corpus public',
    import: 'corpus',
    pretrain: 'corpus shards stages dryRun preset run from steps batchSize accumulate devices rank ranks coordinator learningRate learningRateDecay maxGradNorm recompute ema tf32 noDeterministic encoderRate mlm moc mrfr itm itc hardNegatives precision xla checkpointEverySteps evaluateEverySteps bestBy patience seed dataChanged',
    finetune: 'corpus shards from checkpoint run loss candidates steps batchSize accumulate learningRate learningRateDecay maxGradNorm recompute ema tf32 precision checkpointEverySteps evaluateEverySteps bestBy patience seed dataChanged',
    evaluate: 'corpus shards run checkpoint split images folds method precision',
    match: 'corpus run checkpoint',
    'train-relevance': 'shards labels out',
    demo: 'corpus',
    doctor: 'gpu cpu',
  };
  /** Refused below, and by the tests of the self-test. */
  const refusedElsewhere = ['demo --steps', 'demo --pictures', 'doctor --preset', 'doctor --batch-size'];

  it('every flag of every command always matters, or is refused in a case above where it would not', () => {
    const kebab = (key: string) => `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    const refused = new Set(refusedElsewhere);
    for (const [words, message] of cases) refused.add(`${words.split(' ')[0]} ${message.split(' ')[0]}`);
    const unknown: string[] = [];
    for (const { words, command } of commands) {
      const name = words.join(' ');
      const matters = `wait json ${always[name] ?? ''}`.split(' ').filter(Boolean).map(kebab);
      for (const flag of flagsOf(command)) {
        if (!matters.includes(flag) && !refused.has(`${name} ${flag}`)) unknown.push(`${name} ${flag}`);
      }
    }
    assert.deepEqual(unknown, [], 'does it always matter? else give it a case, and its command a need');
  });

  it('demo --steps, where a demo exists', async () => {
    writeFileSync(join(corpus, 'lait.yaml'), '');
    const { code, said } = await lait('demo', '--corpus', corpus, '--steps', '3');
    assert.equal(code, 2);
    // The value that it began with is the same command again, which goes on.
    assert.equal(
      said,
      `lait: --steps has no effect on a demo that exists; edit ${join(corpus, 'lait.yaml')}, or give another --corpus.\n`,
    );
  });

  it('but what lait.yaml says besides counts, and its own idle keys do no harm', async () => {
    writeFileSync(join(corpus, 'lait.yaml'), 'filter:\n  photo: true\n  relevanceHead: itc\n');
    const { said } = await lait('filter', '--min-photo', '0.7', '--corpus', corpus);
    assert.match(said, /^lait: Expected a crawled corpus at /);
  });
});

it('a key that nobody takes does not compile', () => {
  const { a, ...others } = { a: 1, b: 2 };
  // @ts-expect-error b is left
  others satisfies Nothing;
  // @ts-expect-error the options do not know b
  others satisfies KnownTo<{ a?: number; c?: number }, typeof others>;
  others satisfies KnownTo<{ b?: number }, typeof others>;
  assert.equal(a, 1);
});
