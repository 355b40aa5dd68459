/** The public summary of training content is made of the ledger's numbers, and says what it does not know. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { exportShards } from '../../../dataset/export/export.ts';
import { domainCounts, domainsCsv } from '../../../dataset/export/training-summary.ts';
import { verify } from '../../../dataset/export/verify.ts';
import { Ledger } from '../../../dataset/ledger/ledger.ts';
import { readManifest } from '../../../dataset/shards/manifest.ts';
import { writeSmallCorpus } from '../small-corpus.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-summary-'));
const outDir = join(root, 'shards');
const read = (name: string, folder = outDir) => readFileSync(join(folder, name), 'utf8');
const userAgent = 'lait/0 (+https://who.example/)';
after(() => rmSync(root, { recursive: true, force: true }));
before(async () => {
  await writeSmallCorpus(root, { images: 10, failed: 2 });
  const ledger = Ledger.open(root);
  ledger.db.exec(`UPDATE pairs SET language = 'en';
    UPDATE pairs SET language = 'de' WHERE rowid = 1;
    INSERT INTO pages (url, status, reason, title, text, fetched_at_ms, rendered) VALUES
      ('https://no.example/1', 'refused', 'rights-noai', '', '', 1700000000000, 0),
      ('https://no.example/2', 'refused', 'robots', '', '', 1700000000000, 0),
      ('https://no.example/3', 'refused', 'too-large', '', '', 1700000000000, 0);
    INSERT INTO images (url, status, reason) VALUES ('https://no.example/4.jpg', 'refused', 'rights-noai')`);
  ledger.close();
  await exportShards({ corpusDir: root, card: { userAgent } });
});

test('domains, opt-outs, languages and sizes are counted, and what only the provider knows is marked', () => {
  const data = JSON.parse(read('training-content-summary.json'));
  assert.deepEqual(data.general.languages, [
    { name: 'en', count: 9 },
    { name: 'de', count: 1 },
  ]);
  assert.equal(data.general.modalities.image.images, 10);
  assert.equal(data.general.provider, null);
  assert.deepEqual(data.sources.crawled.crawler, { name: 'lait', userAgent });
  assert.deepEqual(data.sources.crawled.period, { from: '2023-11-14', to: '2023-11-14' });
  assert.deepEqual(data.processing.reservationsOfRights.refused, [
    { what: 'page', name: 'rights-noai', count: 1 },
    { what: 'image', name: 'rights-noai', count: 1 },
    { what: 'page', name: 'robots', count: 1 },
  ]);
  const [, line] = read('training-content-domains.csv').split('\n');
  assert.match(line!, /^1,site\.example,10,10,\d+$/);
  const text = read('training-content-summary.md');
  assert.match(text, /- Period: 11\/2023 to 11\/2023\./);
  assert.match(text, /\| image \| `rights-noai` \| 1 \|/);
  assert.match(text, /This is a help, not legal advice\./);
  assert.match(text, /No rule looked for illegal content\./);
  assert.equal(text.match(/\*\*To be filled in:\*\*/g)!.length, 12);
});

test('the files are in the manifest, verified, and the same in another folder', async () => {
  const names = ['training-content-domains.csv', 'training-content-summary.json', 'training-content-summary.md'];
  assert.deepEqual(
    Object.keys(readManifest(outDir).files).filter((path) => path.startsWith('training')),
    names,
  );
  const again = join(root, 'again');
  await exportShards({ corpusDir: root, outDir: again, card: { userAgent } });
  for (const name of names) assert.equal(read(name, again), read(name));
  rmSync(join(again, names[2]!));
  const { faults } = await verify({ shardsDir: again, corpusDir: root, repair: true });
  assert.deepEqual(faults, [{ path: names[2], reason: 'missing', repaired: true }]);
  assert.equal(read(names[2]!, again), read(names[2]!));
});

test('the template asks for 10 % of the domains, of small providers for 5 % or 1,000', () => {
  assert.deepEqual(domainCounts(1), { all: 1, small: 1 });
  assert.deepEqual(domainCounts(20), { all: 2, small: 1 });
  assert.deepEqual(domainCounts(21), { all: 3, small: 2 });
  assert.deepEqual(domainCounts(20_000), { all: 2000, small: 1000 });
  assert.deepEqual(domainCounts(20_020), { all: 2002, small: 1000 });
});

test('no domain is a formula to a spreadsheet', () => {
  const domain = '=cmd,"x"';
  const facts = { domains: [{ domain, images: 1, texts: 1, bytes: 2 }] } as unknown as Parameters<typeof domainsCsv>[0];
  assert.equal(domainsCsv(facts), `rank,domain,images,texts,bytes\n1,"'=cmd,""x""",1,1,2\n`);
});
