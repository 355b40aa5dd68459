/**
 * CPU time of extraction a page, nothing else: no download, no ledger. Beside it, over the same pages in turns, what it cannot be
 * faster than (htmlparser2 with and without a tree) and what a loop of undici and cheerio does with a page (bench/crawl.ts).
 *   node --import tsx bench/extract.ts [FOLDER…] [--labelled SAVED-PAGES] [--cpu-seconds 10]
 * Without a folder the pages are those of bench/crawl-site.ts; `--labelled` takes the pages of bench/seeing.ts from where that
 * bench fetched them. Every page is read into memory and extracted once for warm-up.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { load } from 'cheerio';
import { DomHandler, Parser } from 'htmlparser2';
import { extractPage } from '../crawler/page/extract.ts';
import { parseHtml } from '../crawler/page/parse.ts';
import { sitePages } from './crawl-pages.ts';
import { readLabels } from './seeing/labels.ts';
import { readPage } from './seeing/pages.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { labelled: { type: 'string' }, 'cpu-seconds': { type: 'string', default: '10' } },
});

interface Page {
  readonly html: string;
  readonly url: string;
}

const { labelled } = values;
const inFolders: Page[] = positionals.flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.html'))
    .map((name) => ({
      html: readFileSync(join(folder, name), 'utf8'),
      url: `https://site.example/${encodeURI(name)}`,
    })),
);
const saved: Page[] =
  labelled === undefined ? [] : readLabels().map((page) => ({ html: readPage(labelled, page), url: page.url }));
const given = [...inFolders, ...saved];
const pages =
  given.length > 0 ? given : sitePages(200).map((html, n) => ({ html, url: `https://site.example/p${n}.html` }));

/** What the bare loop of bench/crawl.ts does with a page. */
function bareLoop({ html, url }: Page): void {
  const $ = load(html);
  for (const image of $('img[src]')) {
    resolve($(image).attr('src')!, url);
    $(image).attr('alt');
  }
  for (const link of $('a[href]')) resolve($(link).attr('href')!, url);
}

function resolve(href: string, url: string): void {
  try {
    new URL(href, url).hash = '';
  } catch {
    // Saved pages have addresses that are none.
  }
}

const readers: Record<string, (page: Page) => unknown> = {
  extractPage: ({ html, url }) => extractPage(html, url),
  'of it parseHtml': ({ html }) => parseHtml(html),
  'htmlparser2, events': ({ html }) => new Parser({ onopentag: () => {}, ontext: () => {} }).end(html),
  'htmlparser2, tree': ({ html }) => new Parser(new DomHandler()).end(html),
  'cheerio.load, htmlparser2': ({ html }) => load(html, { xml: { xmlMode: false, decodeEntities: true } }),
  'cheerio.load, parse5': ({ html }) => load(html),
  'bare loop with cheerio': bareLoop,
};

function cpuMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** Pages that one reader has before the next one's turn. */
const turn = 10;
const names = Object.keys(readers);
const usedMs = names.map(() => 0);
for (const read of Object.values(readers)) pages.forEach(read);
let read = 0;
for (let from = 0; usedMs.reduce((sum, ms) => sum + ms, 0) < Number(values['cpu-seconds']) * 1000; ) {
  const some = pages.slice(from, from + turn);
  for (const [at, name] of names.entries()) usedMs[at]! += cpuMs(() => some.forEach(readers[name]!));
  read += some.length;
  from = from + turn < pages.length ? from + turn : 0;
}

const bytes = pages.reduce((sum, { html }) => sum + html.length, 0) / pages.length;
console.log(`${pages.length} pages of ${(bytes / 1000).toFixed(1)} kB, ${read} read by each`);
console.table(
  names.map((name, at) => {
    const ms = usedMs[at]! / read;
    return {
      '': name,
      'CPU ms a page': ms.toFixed(3),
      'pages a CPU s': Math.round(1000 / ms),
      'MB a CPU s': (bytes / 1000 / ms).toFixed(1),
      'times extractPage': (usedMs[at]! / usedMs[0]!).toFixed(3),
    };
  }),
);
