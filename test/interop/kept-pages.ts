/** Writes kept pages as a crawl does, for check_warc.py: one that was rendered, one that was taken down, one that is plain. */
import { writeFileSync } from 'node:fs';
import { pageRecords } from '../../crawler/fetch/page-records.ts';
import { blankRecord } from '../../dataset/ledger/page-store.ts';

const answer = {
  ok: true,
  status: 200,
  body: Buffer.from('<main><p>Une forêt</p></main>'),
  latencyMs: 1,
} as const;

export async function writeKeptPages(path: string): Promise<void> {
  const rendered = await pageRecords(
    {
      ...answer,
      url: 'https://site.example/a?x=1',
      headers: { 'content-type': 'text/html; charset=utf-8', 'content-encoding': 'gzip', 'x-robots-tag': ['a', 'b'] },
    },
    '<main>rendered</main>',
    1_700_000_000_000,
  );
  const plain = await pageRecords(
    { ...answer, url: 'https://site.example/b', headers: { 'content-type': 'text/html' } },
    undefined,
    1_700_000_000_000,
  );
  writeFileSync(path, Buffer.concat([rendered, blankRecord(900), plain]));
}
