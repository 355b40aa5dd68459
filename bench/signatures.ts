/**
 * What a signature costs a request: signed and unsigned requests to a server on this machine, in turns, and signing alone.
 *   node --import tsx bench/signatures.ts [--requests 5000]
 */
import { generateKeyPairSync } from 'node:crypto';
import { parseArgs } from 'node:util';
import { addressGuard } from '../crawler/fetch/address-guard.ts';
import { openFetcher } from '../crawler/fetch/fetch.ts';
import { openSigner } from '../crawler/fetch/request-signature.ts';
import { startSite } from '../test/helpers/site.ts';

const { values } = parseArgs({ options: { requests: { type: 'string', default: '5000' } } });
const requests = Number(values.requests);
const { privateKey: key } = generateKeyPairSync('ed25519');
const sign = openSigner({ key, agent: 'https://bot.example/.well-known/http-message-signatures-directory' });
const url = new URL('https://example.org/a/page.html');
const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]!;

/** Microseconds a call takes, the median of five rounds. */
async function measure(work: () => unknown): Promise<number> {
  const rounds: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    const startMs = performance.now();
    for (let n = 0; n < requests / 5; n += 1) await work();
    rounds.push(((performance.now() - startMs) / (requests / 5)) * 1000);
  }
  return median(rounds);
}

const site = await startSite({ routes: { '/': '<p>A page.</p>' } });
const guard = addressGuard({ allowPrivate: true });
const plain = openFetcher(guard, 'lait');
const signed = openFetcher(guard, 'lait', { sign });
const rows = {
  'signing alone': await measure(() => sign('GET', url)),
  'a request': await measure(() => plain.get(site.url, { maxBytes: 1000 })),
  'a signed request': await measure(() => signed.get(site.url, { maxBytes: 1000 })),
};
const headers = Object.entries(sign('GET', url)).reduce(
  (bytes, [name, value]) => bytes + name.length + value.length + 4,
  0,
);
for (const [name, us] of Object.entries(rows)) console.log(`${name.padEnd(20)} ${us.toFixed(0).padStart(6)} µs`);
console.log(`${'headers'.padEnd(20)} ${String(headers).padStart(6)} bytes`);
await Promise.all([plain.close(), signed.close(), site.close()]);
