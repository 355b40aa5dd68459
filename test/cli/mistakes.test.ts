/** What an operator may get wrong, by hand or in a script: one plain line and exit code 2, and nothing is made or changed. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { languageCodes } from '../../filters/language.ts';
import { ranInProcess } from '../helpers/in-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'lait-mistakes-'));
const home = process.cwd();
process.chdir(folder);
after(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true });
});

writeFileSync(join(folder, 'file'), '');
writeFileSync(join(folder, 'empty.npy'), '');
writeFileSync(join(folder, 'archive.zip'), 'PK\u0003\u0004 no archive of the web');
writeFileSync(join(folder, 'page.html'), '<!doctype html><title>A page</title>');
mkdirSync(join(folder, 'pictures'));
mkdirSync(join(folder, 'shards/train'), { recursive: true });
writeFileSync(join(folder, 'shards/train/00000.tar'), '');
writeFileSync(
  join(folder, 'logo.png'),
  Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, 0xff]),
);
mkdirSync(join(folder, 'patched/shards/train'), { recursive: true });
mkdirSync(join(folder, 'patched/regions/patches'), { recursive: true });
mkdirSync(join(folder, 'ships'));
writeFileSync(join(folder, 'ships/lait.yaml'), 'filter:\n  minSidepx: 200\n');
writeFileSync(join(folder, 'cut.parquet'), 'not a parquet file');
mkdirSync(join(folder, 'birds'));
Ledger.open(join(folder, 'birds')).close();

/** Runs a command line in the folder; gives its exit code and everything it printed. */
const lait = async (args: readonly string[]): Promise<{ code: number; said: string }> => {
  const { code, stdout, stderr } = await ranInProcess(args);
  return { code, said: stdout + stderr };
};

const badCorpus = (received: string) =>
  `lait: Expected a folder for the corpus but received ${received}; name one, which need not exist.`;

const cases: [args: readonly string[], line: string][] = [
  [['crawl', 'https://a.test/', '--contact', 'a@b.test', '--corpus', ''], badCorpus('""')],
  [['crawl', 'https://a.test/', '--contact', 'a@b.test', '--corpus', 'file'], badCorpus('the file file')],
  [['filter', '--corpus', 'file'], badCorpus('the file file')],
  [['verify', '--corpus', ''], badCorpus('""')],
  [
    ['verify', '--corpus', 'birds', '--out', ''],
    'lait: Expected a folder for out but received ""; name one with an export.',
  ],
  [
    ['verify', '--corpus', 'birds', '--out', 'none'],
    'lait: Expected a finished export for none but received no manifest.json; run lait export first.',
  ],
  [['init', ''], badCorpus('""')],
  ...['nb', 'EN'].map((code): [string[], string] => [
    ['filter', '--corpus', 'birds', '--languages', 'en', code],
    `lait: Expected a language that is told apart for languages but received ${code}; choose among ${languageCodes.join(', ')}.`,
  ]),
  [
    ['export', '--corpus', 'birds', '--subset', '.'],
    'lait: Expected a file of ids for subset but received the folder .; name the file.',
  ],
  [
    ['export', '--corpus', 'birds', '--subset', 'empty.npy'],
    'lait: Expected an array of dtype u8,u8 for empty.npy but received 0 bytes; fetch it again.',
  ],
  [
    ['export', '--corpus', 'birds', '--subset', 'cut.parquet'],
    'lait: Expected a parquet file with a column uid for cut.parquet but received parquet file invalid (footer != PAR1); fetch or save it again.',
  ],
  ...[
    ['crawl', 'https://a.test/', '--contact', 'a@b.test', '--corpus', 'birds/shards/train'],
    ['import', 'webdataset', 'x.tar', '--corpus', 'birds/raw'],
    ['schedule', 'https://a.test/', '--contact', 'a@b.test', '--cron', '0 3 * * *', '--corpus', 'birds/pages/new'],
    ['work', 'https://a.test/', '--contact', 'a@b.test', '--corpus', 'birds/runs'],
    ['init', 'birds/regions/new'],
    ['demo', '--corpus', 'birds/jobs'],
  ].map((args): [string[], string] => [
    args,
    `lait: Expected a folder of its own for the corpus but received ${args.at(-1)} within corpus ${join(folder, 'birds')}; name that one, or a folder elsewhere.`,
  ]),
  [['init', 'file'], badCorpus('the file file')],
  [['demo', '--corpus', ''], badCorpus('""')],
  [
    ['demo', '--corpus', 'birds'],
    `lait: Expected a new folder or an earlier demo for the corpus but received ${join(folder, 'birds')}; name another with --corpus.`,
  ],
  [
    ['crawl', 'http://127.0.0.1:9/', '--corpus', 'new'],
    'lait: Expected a public address for seed but received http://127.0.0.1:9/; --allow-private (allowPrivate in lait.yaml) lets a crawl go to this machine or a private network.',
  ],
  [
    ['crawl', 'https://a.test/', '--corpus', 'new'],
    'lait: Expected a contact for crawling a.test but received none; give --contact (contact in lait.yaml), a web page or mail address at which site owners can reach you.',
  ],
  [
    ['init', 'file/corpus'],
    `lait: Expected a path that can be used but received "file/corpus" (ENOTDIR: not a directory, stat 'file/corpus'); name another, or allow its use.`,
  ],
  [
    ['import', 'urls', 'none.tsv', '--corpus', 'new'],
    'lait: Expected an existing file for urls but received none.tsv; check the path.',
  ],
  [
    ['import', 'urls', 'a.tsv', 'b.tsv', '--corpus', 'new'],
    'lait: Expected one list for urls but received 2 paths; import one after another.',
  ],
  [
    ['pretrain', '--corpus', 'patched'],
    'lait: Expected region features at patched/regions/centernet but there is none; run `lait regions` first, or set `regions.detector` in lait.yaml: those of patches are there.',
  ],
  [
    ['import', 'coco', 'a.json', 'b', 'c', '--corpus', 'new'],
    'lait: Expected a captions file and an image folder after coco but received 3 paths; see --help.',
  ],
  [
    ['import', 'flickr', 'a.txt', 'b', '--split-file', 'train.txt', '--corpus', 'new'],
    'lait: Expected a split of letters, digits and dashes, and a file, as in train=list.txt for splitFile.0 but received "train.txt"; correct the flag --split-file.',
  ],
  [
    ['import', 'flickr', 'a.txt', 'b', '--split-file', 'train=a', 'train=b', '--corpus', 'new'],
    'lait: Expected one list for each split for splitFile but received two of train; join them to one file.',
  ],
  [
    ['import', 'flickr', 'a.txt', 'b', '--split-file', '../x=file', '--corpus', 'new'],
    'lait: Expected a split of letters, digits and dashes, and a file, as in train=list.txt for splitFile.0 but received "../x=file"; correct the flag --split-file.',
  ],
  ...['../x', '..', '', '.hidden', 'a/b', '/etc'].map((split): [string[], string] => [
    ['import', 'coco', 'file', 'birds', '--split', split, '--corpus', 'new'],
    `lait: Expected a name of letters, digits and dashes for split but received "${split}"; correct the flag --split.`,
  ]),
  ...['../x', '..', '/etc', 'a/../../b'].flatMap((run): [string[], string][] => [
    [
      ['pretrain', '--corpus', 'birds', '--run', run],
      `lait: Expected a name of letters, digits, dots and dashes for run but received "${run}"; correct the flag --run.`,
    ],
    [
      ['match', 'file', 'text', '--corpus', 'birds', '--run', run],
      `lait: Expected RUN or RUN/STAGE of letters, digits, dots and dashes, or hf://OWNER/NAME for run but received "${run}"; correct the flag --run.`,
    ],
    [
      ['evaluate', '--corpus', 'birds', '--split', run],
      `lait: Expected a name of letters, digits, dots and dashes for split but received "${run}"; correct the flag --split.`,
    ],
  ]),
  [
    ['export', '--corpus', 'birds', '--subset', 'none.npy'],
    `lait: Expected a path that can be used but received "none.npy" (ENOENT: no such file or directory, open 'none.npy'); name another, or allow its use.`,
  ],
  [
    ['report', '--corpus', 'birds', '--out', 'birds'],
    'lait: Expected a file to write for out but received the folder birds; name a file in it.',
  ],
  ...(
    [
      ['a report of lait', 'report', '--corpus', 'birds'],
      ['labels of lait', 'labels', 'export', '--corpus', 'birds'],
      ['a relevance model of lait', 'train-relevance', '--shards', 'none'],
    ] as const
  ).map(([what, ...args]): [string[], string] => [
    [...args, '--out', 'cut.parquet'],
    `lait: Expected a new file or ${what} for out but received cut.parquet, a file of something else; name another --out, or move that file away.`,
  ]),
  [['report', '--corpus', 'birds', '--out', ''], 'lait: Expected a file to write for out but received ""; name one.'],
  [
    ['report', '--corpus', 'birds', '--out=none/report.html'],
    'lait: Expected a file in a folder that is there for out but received none/report.html; make none first.',
  ],
  [
    ['crawl', '--corpus', 'new'],
    'lait: Expected a seed or a list with URLs to crawl from but received none; give a URL, as in lait crawl https://example.org/.',
  ],
  [
    ['crawl', 'example.org', '--corpus', 'new'],
    'lait: Expected an http or https URL for seed but received example.org; write it in full, as in https://example.org/.',
  ],
  [
    ['crawl', '', '--corpus', 'new'],
    'lait: Expected an http or https URL for seed but received ""; write it in full, as in https://example.org/.',
  ],
  [
    ['crawl', '--corpus', 'new', '--allow', '('],
    'lait: Expected a regular expression for allow.0 but received "("; correct the flag --allow.',
  ],
  [
    ['schedule', 'example.org', '--cron', '@yearly', '--corpus', 'new'],
    'lait: Expected an http or https URL for seed but received example.org; write it in full, as in https://example.org/.',
  ],
  [
    ['schedule', '--cron', '@yearly', '--timezone', 'Nowhere/X', '--corpus', 'new'],
    'lait: Expected an IANA name for timezone but received Nowhere/X; write it as in Europe/Berlin.',
  ],
  [
    ['schedule', '--corpus', 'new'],
    'lait: Expected a pattern for --cron or schedule.cron but received none; write it as in "0 3 * * *".',
  ],
  ...['new', 'birds'].map((corpus): [string[], string] => [
    ['regions', '--corpus', corpus],
    `lait: Expected shards (*.tar) for ${corpus}/shards but received none; run lait export first.`,
  ]),
  [['retry', '--corpus', 'birds'], 'lait: Expected a list for reason but received none; correct the flag --reason.'],
  [
    ['takedown', '--corpus', 'birds', '--url', 'example.org/photo.jpg'],
    'lait: Expected a URL for url but received example.org/photo.jpg; write it in full, as in https://example.org/photo.jpg.',
  ],
  [
    ['takedown', '--corpus', 'birds', '--host', 'https://photos.example/'],
    'lait: Expected a host name for host but received https://photos.example/; write the name alone, as in photos.example.',
  ],
  [
    ['takedown', '--corpus', 'birds', '--host', ''],
    'lait: Expected a host name for host but received ""; write the name alone, as in photos.example.',
  ],
  [
    ['pretrain', '--corpus', 'birds', '--run', '..'],
    'lait: Expected a name of letters, digits, dots and dashes for run but received ".."; correct the flag --run.',
  ],
  [
    ['evaluate', '--corpus', 'birds', '--run', ''],
    'lait: Expected RUN or RUN/STAGE of letters, digits, dots and dashes, or hf://OWNER/NAME for run but received ""; correct the flag --run.',
  ],
  [['help', 'nope'], "error: unknown command 'nope'"],
  // Folders for files.
  [
    ['match', 'pictures', 'a dog', '--corpus', 'birds'],
    'lait: Expected an image for a file but received the folder pictures; name a picture, then texts.',
  ],
  [
    ['crawl', '--warc', 'pictures', '--corpus', 'birds'],
    'lait: Expected a file for warc but received the folder pictures; name each file in it.',
  ],
  [
    ['import', 'urls', 'pictures', '--corpus', 'new'],
    'lait: Expected a file for urls but received the folder pictures; name one list in it.',
  ],
  [
    ['import', 'flickr', 'pictures', 'pictures', '--corpus', 'birds'],
    'lait: Expected a file for import but received the folder pictures; name the token file.',
  ],
  [
    ['filter', '--vocabulary', 'logo.png', '--corpus', 'birds'],
    'lait: Expected tokenizer.json or vocab.txt for logo.png but received a file that is no text; take those of a BERT.',
  ],
  // Shards of one split, or one of them.
  ...['pretrain', 'finetune', 'evaluate'].flatMap((command): [string[], string][] => [
    [
      [command, '--corpus', 'birds', '--shards', 'shards/train'],
      'lait: Expected a folder with a folder for each split for --shards but received shards/train, which is one of these; name the folder that holds train/, here shards.',
    ],
    ...['shards/train/00000.tar', 'shards/train/00000.tar/train'].map((path): [string[], string] => [
      [command, '--corpus', 'birds', '--shards', path],
      `lait: Expected a folder with a folder for each split for --shards but received the file ${path}; name the folder that holds train/, here shards.`,
    ]),
    [
      [command, '--corpus', 'birds', '--shards', 'file'],
      'lait: Expected a folder with a folder for each split for --shards but received the file file; name the folder that holds train/.',
    ],
  ]),
  // A run by the path that commands print.
  ...['birds/runs/pretrain', './birds/runs/pretrain/', join(folder, 'birds/runs/pretrain')].map(
    (run): [string[], string] => [
      ['match', 'file', 'a dog', '--corpus', 'birds', '--run', run],
      'lait: Expected a run at birds/runs/pretrain but there is none; run `lait pretrain` first.',
    ],
  ),
  // Lists with commas.
  ...['en,de', 'English'].map((code): [string[], string] => [
    ['filter', '--corpus', 'birds', '--languages', code],
    `lait: Expected two-letter codes separated by spaces for languages.0 but received "${code}"; correct the flag --languages.`,
  ]),
  [
    ['filter', '--corpus', 'birds', '--deny-hosts', 'a.test,b.test'],
    'lait: Expected hosts separated by spaces for denyHosts.0 but received "a.test,b.test"; correct the flag --deny-hosts.',
  ],
  [
    ['match', 'a dog running', '--corpus', 'birds'],
    'lait: Expected a picture and texts for lait match but received a dog running alone; give both, or search a corpus by words: lait embed --corpus birds, then lait view --corpus birds.',
  ],
];

describe('an operator’s mistake', () => {
  for (const [args, line] of cases) {
    it(args.map((arg) => arg || '""').join(' '), async () => {
      assert.deepEqual(await lait(args), { code: 2, said: `${line}\n` });
      assert.ok(!readdirSync(folder).includes('new'), 'a corpus was made');
    });
  }

  it('an input that is none leaves no corpus behind, and takes nothing from a folder that was there', async () => {
    for (const input of [
      ['--warc', 'archive.zip'],
      ['--urls', 'page.html'],
    ]) {
      for (const corpus of ['new/inner', 'there']) {
        mkdirSync(join(folder, 'there'), { recursive: true });
        const { code, said } = await lait(['crawl', ...input, '--contact', 'a@b.test', '--corpus', corpus]);
        assert.equal(code, 2, said);
      }
      assert.ok(!readdirSync(folder).includes('new'), 'a corpus was made');
      assert.ok(readdirSync(folder).includes('there'));
    }
  });

  it('a key with a slip of the pen is told with the key that was meant', async () => {
    const { code, said } = await lait(['filter', '--corpus', 'ships']);
    assert.deepEqual(
      [code, said.split(' but ').at(-1)],
      [2, 'received filter.minSidepx; did you mean minSidePx? edit ships/lait.yaml, line 2.\n'],
    );
  });

  it('a list that is joined by commas is to be separated', async () => {
    const { code, said } = await lait([
      'schedule',
      '--corpus',
      'birds',
      '--cron',
      '@yearly',
      '--then',
      'filter,export',
    ]);
    assert.deepEqual([code, said.includes('separate them by spaces, correct the flag --then.')], [2, true], said);
  });

  it('a file that cannot be written is refused before hours of learning, and shards that are not there', async () => {
    const learn = async (...args: string[]) =>
      (await lait(['train-relevance', ...args])).said.trimEnd().split('\n').at(-1);
    assert.equal(
      await learn('--shards', 'birds', '--out', 'birds'),
      'lait: Expected a file to write for out but received the folder birds; name a file in it.',
    );
    assert.equal(
      await learn('--shards', 'none', '--out', 'x.safetensors'),
      'lait: Expected an existing file, folder, glob or URL for shards but received none; check the path.',
    );
  });

  it('a system that forbids to write is one line as well', { skip: process.platform !== 'linux' }, async () => {
    const { code, said } = await lait(['init', '/sys/corpus']);
    assert.equal(code, 2);
    assert.match(
      said,
      /^lait: Expected a path that can be used but received "\/sys\/corpus" \(E.*\); name another, or allow its use\.\n$/,
    );
  });
});
