/**
 * The frontier at scale: one million URLs over 10,000 hosts, one of which has a tenth of them. Prints pairs of claim and
 * finish a second, memory, the time to open the file again, and how late the last host got its first turn.
 *   node --import tsx bench/frontier.ts [URLS=1000000] [HOSTS=10000]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Frontier } from '../crawler/frontier/frontier.ts';
import type { NewUrl } from '../crawler/frontier/schema.ts';

const [urls, hosts] = [Number(process.argv[2] ?? 1_000_000), Number(process.argv[3] ?? 10_000)];
const dir = mkdtempSync(join(tmpdir(), 'lait-frontier-'));
const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
const megabytes = (): number => Math.round(process.memoryUsage().rss / 1e6);
const rows: [string, string][] = [];

let startMs = performance.now();
let startCpu = cpuSeconds();
let frontier = Frontier.open(dir);
for (let n = 0; n < urls; n += 10_000) {
  const batch: NewUrl[] = [];
  for (let i = n; i < Math.min(urls, n + 10_000); i++) {
    const host = i % 10 === 0 ? 0 : i % hosts;
    batch.push({
      url: `https://host-${host}.example/articles/${i}/some-page.html`,
      kind: 'page',
      depth: 1,
      priority: i % 3,
    });
  }
  frontier.atomically(() => frontier.add(batch));
}
rows.push(['URLs added a second', String(Math.round(urls / ((performance.now() - startMs) / 1000)))]);
rows.push(['  the same a CPU second', String(Math.round(urls / (cpuSeconds() - startCpu)))]);
rows.push(['resident after adding, MB', String(megabytes())]);
frontier.close();

startMs = performance.now();
frontier = Frontier.open(dir);
const openMs = performance.now() - startMs;
startMs = performance.now();
frontier.claim(32, Date.now());
rows.push([`open ${urls} URLs, ms`, openMs.toFixed(1)]);
rows.push(['first claim of 32, ms', (performance.now() - startMs).toFixed(1)]);
frontier.close();
frontier = Frontier.open(dir);

const seen = new Set<number>();
let claimed = 0;
let allSeenAfter = 0;
startMs = performance.now();
startCpu = cpuSeconds();
for (;;) {
  const claims = frontier.claim(64, Date.now());
  if (claims.length === 0) break;
  frontier.atomically(() => {
    for (const claim of claims) frontier.finish(claim, Date.now());
  });
  claimed += claims.length;
  const before = seen.size;
  for (const { hostId } of claims) seen.add(hostId);
  if (seen.size > before) allSeenAfter = claimed;
}
rows.push(['claim + finish pairs a second', String(Math.round(claimed / ((performance.now() - startMs) / 1000)))]);
rows.push(['  the same a CPU second', String(Math.round(claimed / (cpuSeconds() - startCpu)))]);
rows.push(['resident at the end, MB', String(megabytes())]);
rows.push([`claims until all ${seen.size} hosts had a turn`, String(allSeenAfter)]);
rows.push(['URLs claimed', String(claimed)]);
frontier.close();
rmSync(dir, { recursive: true });
for (const [name, value] of rows) console.log(`${name.padEnd(44)} ${value.padStart(12)}`);
