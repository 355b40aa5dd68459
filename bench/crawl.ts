/**
 * Pages a second beside the crawlers people use: the same generated site on loopback, no pause, links followed, images and
 * texts extracted. lait keeps its frontier, ledger, robots.txt and rights; `bare` is undici with cheerio and nothing else.
 * Each tool runs in its own process as it is installed (lait is built first), in turns; the table shows medians after start-up
 * and ratios to lait.
 *   node --import tsx bench/crawl.ts [--pages 500] [--runs 3] [--delay 0] [--concurrency 20] [--peers bare,crawlee,scrapy]
 * Peers are installed once into a folder below the system's temporary one.
 */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    pages: { type: 'string', default: '500' },
    runs: { type: 'string', default: '3' },
    delay: { type: 'string', default: '0' },
    concurrency: { type: 'string', default: '20' },
    peers: { type: 'string', default: 'bare,crawlee,scrapy' },
  },
});

const bare = `
import { Agent, request } from 'undici';
import { load } from 'cheerio';
const [start, concurrency] = [process.argv[2], Number(process.argv[3])];
const agent = new Agent({ connections: concurrency });
const host = new URL(start).host, seen = new Set([start]), queue = [start];
let pages = 0, images = 0, active = 0, done;
const began = performance.now(), finished = new Promise((resolve) => { done = resolve; });
async function visit(url) {
  const { statusCode, headers, body } = await request(url, { dispatcher: agent });
  const html = await body.text();
  if (statusCode !== 200 || !String(headers['content-type']).startsWith('text/html')) return;
  const $ = load(html);
  $('img[src]').each((_, e) => { new URL($(e).attr('src'), url); images += $(e).attr('alt') ? 1 : 0; });
  pages += 1;
  $('a[href]').each((_, e) => {
    const link = new URL($(e).attr('href'), url);
    link.hash = '';
    if (link.host === host && !seen.has(link.href)) { seen.add(link.href); queue.push(link.href); }
  });
}

function pump() {
  while (active < concurrency && queue.length > 0) {
    active += 1;
    visit(queue.shift()).finally(() => { active -= 1; pump(); });
  }
  if (active === 0 && queue.length === 0) done();
}
pump();
await finished;
const { user, system } = process.cpuUsage();
console.log(JSON.stringify({ pages, images, seconds: (performance.now() - began) / 1000, cpuSeconds: (user + system) / 1e6, rssMb: Math.round(process.resourceUsage().maxRSS / 1024) }));
process.exit();
`;

const crawlee = `
import { CheerioCrawler } from '@crawlee/cheerio';
const [start, concurrency] = [process.argv[2], Number(process.argv[3])];
let pages = 0, images = 0;
const crawler = new CheerioCrawler({
  minConcurrency: concurrency, maxConcurrency: concurrency,
  async requestHandler({ $, request, enqueueLinks, pushData }) {
    const found = $('img[src]').map((_, e) => ({ src: new URL($(e).attr('src'), request.loadedUrl).href, alt: $(e).attr('alt') })).get();
    pages += 1; images += found.length;
    await pushData({ url: request.loadedUrl, images: found });
    await enqueueLinks({ strategy: 'same-hostname' });
  },
});
const began = performance.now();
await crawler.run([start]);
const { user, system } = process.cpuUsage();
console.log(JSON.stringify({ pages, images, seconds: (performance.now() - began) / 1000, cpuSeconds: (user + system) / 1e6, rssMb: Math.round(process.resourceUsage().maxRSS / 1024) }));
`;

const scrapy = `
import json, resource, sys
from urllib.parse import urlparse
import scrapy
from scrapy.crawler import CrawlerProcess
start, concurrency = sys.argv[1], int(sys.argv[2])
out = open("out.jsonl", "w")
count = {"pages": 0, "images": 0}
class Site(scrapy.Spider):
    name = "site"
    allowed_domains = [urlparse(start).hostname]
    start_urls = [start]
    def parse(self, response):
        if not isinstance(response, scrapy.http.HtmlResponse):
            return
        images = [{"src": response.urljoin(i.attrib["src"]), "alt": i.attrib.get("alt")} for i in response.css("img[src]")]
        out.write(json.dumps({"url": response.url, "images": images}) + "\\n")
        count["pages"] += 1
        count["images"] += len(images)
        yield from response.follow_all(css="a[href]", callback=self.parse)
process = CrawlerProcess({"CONCURRENT_REQUESTS": concurrency, "CONCURRENT_REQUESTS_PER_DOMAIN": concurrency, "DOWNLOAD_DELAY": 0,
    "AUTOTHROTTLE_ENABLED": False, "ROBOTSTXT_OBEY": True, "LOG_LEVEL": "ERROR", "TELNETCONSOLE_ENABLED": False})
crawler = process.create_crawler(Site)
process.crawl(crawler)
process.start()
usage = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({**count, "seconds": crawler.stats.get_value("elapsed_time_seconds"), "cpuSeconds": usage.ru_utime + usage.ru_stime, "rssMb": usage.ru_maxrss // 1024}))
`;

interface Run {
  readonly pages: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly rssMb: number;
}

const home = join(import.meta.dirname, '..');
const peersDir = join(tmpdir(), 'lait-bench-peers');

/** Prepares a peer and returns its command line, without URL and concurrency. */
function prepare(peer: string): string[] {
  mkdirSync(peersDir, { recursive: true });
  if (peer === 'lait') {
    execFileSync(process.execPath, [join(home, 'build.mjs')], { stdio: 'ignore' });
    return [process.execPath, join(home, 'bench/crawl-lait.mjs')];
  }
  if (peer === 'scrapy') {
    const python = join(peersDir, 'scrapy/bin/python');
    if (!existsSync(python)) {
      execFileSync('python3', ['-m', 'venv', join(peersDir, 'scrapy')], { stdio: 'inherit' });
      execFileSync(python, ['-m', 'pip', 'install', '--quiet', 'scrapy'], { stdio: 'inherit' });
    }
    writeFileSync(join(peersDir, 'crawl_scrapy.py'), scrapy);
    return [python, join(peersDir, 'crawl_scrapy.py')];
  }
  const folder = join(peersDir, peer);
  const packages = peer === 'bare' ? ['undici@7', 'cheerio@1'] : ['@crawlee/cheerio@3'];
  mkdirSync(folder, { recursive: true });
  if (!existsSync(join(folder, 'node_modules'))) {
    writeFileSync(join(folder, 'package.json'), '{"type":"module","private":true}');
    execFileSync('npm', ['install', '--silent', '--ignore-scripts', ...packages], { cwd: folder, stdio: 'inherit' });
  }
  writeFileSync(join(folder, 'crawl.mjs'), peer === 'bare' ? bare : crawlee);
  return [process.execPath, join(folder, 'crawl.mjs')];
}

async function run(command: readonly string[], url: string): Promise<Run> {
  const work = mkdtempSync(join(tmpdir(), 'lait-bench-run-'));
  const [program, ...args] = [...command, url, values.concurrency];
  const child = spawn(program!, args, {
    cwd: work,
    env: { ...process.env, CRAWLEE_STORAGE_DIR: work, CRAWLEE_LOG_LEVEL: 'ERROR' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  await new Promise((resolve) => child.on('close', resolve));
  rmSync(work, { recursive: true, force: true });
  const line = output
    .trim()
    .split('\n')
    .findLast((text) => text.startsWith('{'));
  if (line === undefined) throw new Error(`${program} printed no result: ${output}`);
  return JSON.parse(line) as Run;
}

const tools = ['lait', ...values.peers.split(',').filter((peer) => peer !== '')];
const commands = new Map(tools.map((tool) => [tool, prepare(tool)]));
const site = spawn(
  process.execPath,
  ['--import', 'tsx', join(home, 'bench/crawl-site.ts'), values.pages, values.delay],
  {
    cwd: home,
    stdio: ['pipe', 'pipe', 'inherit'],
  },
);
const url = await new Promise<string>((resolve) => site.stdout.once('data', (line) => resolve(String(line).trim())));
const results = new Map<string, Run[]>(tools.map((tool) => [tool, []]));
for (let turn = 0; turn < Number(values.runs); turn++) {
  for (const tool of tools) results.get(tool)!.push(await run(commands.get(tool)!, `${url}/p0.html`));
}
site.stdin.end();

const median = (numbers: number[]): number => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
const of = (tool: string, what: (run: Run) => number): number => median(results.get(tool)!.map(what));
const rate = (tool: string): number => of(tool, ({ pages, seconds }) => pages / seconds);
const cpuRate = (tool: string): number => of(tool, ({ pages, cpuSeconds }) => pages / cpuSeconds);
console.log('tool      pages   pages/s  lait is  pages/CPU s   peak MB');
for (const tool of tools) {
  console.log(
    [
      tool.padEnd(8),
      String(of(tool, ({ pages }) => pages)).padStart(6),
      rate(tool).toFixed(0).padStart(9),
      `${(rate('lait') / rate(tool)).toFixed(2)} ×`.padStart(8),
      cpuRate(tool).toFixed(0).padStart(12),
      String(of(tool, ({ rssMb }) => rssMb)).padStart(9),
    ].join(' '),
  );
}
