/**
 * How many pages a CPU second extraction reads, nothing else: no download, no ledger.
 *   node --import tsx bench/extract.ts FOLDER… [--rounds 5]
 * Every .html below the folders is read into memory and extracted once for warm-up.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { extractPage } from '../crawler/page/extract.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '5' } },
});
const pages = positionals.flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.html'))
    .map((name) => ({
      html: readFileSync(join(folder, name), 'utf8'),
      url: `https://site.example/${encodeURI(name)}`,
    })),
);
let images = 0;
for (const { html, url } of pages) images += extractPage(html, url).images.length;
const rounds = Number(values.rounds);
const before = process.cpuUsage();
for (let round = 0; round < rounds; round++) for (const { html, url } of pages) extractPage(html, url);
const { user, system } = process.cpuUsage(before);
const rate = (rounds * pages.length) / ((user + system) / 1e6);
const megabytes = pages.reduce((sum, { html }) => sum + html.length, 0) / 1e6;
console.log(
  `${pages.length} pages, ${megabytes.toFixed(1)} MB, ${images} images: ${rate.toFixed(0)} pages/CPU s, ${((rate * megabytes) / pages.length).toFixed(1)} MB/CPU s`,
);
