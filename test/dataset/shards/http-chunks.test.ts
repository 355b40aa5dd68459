import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { HttpFault, httpChunks } from '../../../dataset/shards/http-chunks.ts';

const body = Buffer.from(Array.from({ length: 50_000 }, (_, i) => (i * 7919) % 251));

/** Answers the requests of one test one after the other, and keeps what they asked for. */
let answers: ((request: IncomingMessage, response: ServerResponse) => void)[] = [];
let asked: string[] = [];
const server = createServer((request, response) => {
  asked.push(request.headers.range ?? 'all');
  const answer = answers.length > 1 ? answers.shift()! : answers[0]!;
  answer(request, response);
});
let url = '';
before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/00000.tar`;
});
after(() => {
  server.closeAllConnections();
  server.close();
});

type Answer = (typeof answers)[number];

/** All, or from where it was asked, up to `end` of the file; then the connection breaks. */
const send =
  ({ end = body.length, ranges = true, etag = '"1"', bytes = body } = {}): Answer =>
  ({ headers }, response) => {
    const from = ranges ? Number(/^bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0) : 0;
    const isFresh = headers['if-range'] === undefined || headers['if-range'] === etag;
    const start = isFresh ? from : 0;
    if (start >= bytes.length) {
      response.writeHead(416).end();
      return;
    }
    const known = { etag, 'content-length': bytes.length - start };
    if (start === 0) response.writeHead(200, known);
    else response.writeHead(206, { ...known, 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` });
    response.write(bytes.subarray(start, end), () => (end < bytes.length ? response.destroy() : response.end()));
  };
const status =
  (code: number): Answer =>
  (_, response) =>
    void response.writeHead(code).end('no');
const hangUp: Answer = (_, response) => response.destroy();

async function read(sent: Answer[], retries = 3) {
  answers = sent;
  asked = [];
  const chunks: Buffer[] = [];
  let fault: number | null | undefined;
  try {
    for await (const chunk of httpChunks(url, { retries, delayMs: 1 })) chunks.push(chunk);
  } catch (error) {
    assert.ok(error instanceof HttpFault, String(error));
    fault = error.status;
  }
  return { got: Buffer.concat(chunks), fault };
}

describe('shards over HTTP: what breaks is tried again, and no byte comes twice', () => {
  const other = Buffer.from(body).fill(1);
  // biome-ignore format: a table of behaviour, one case a line
  const whole: [string, Answer[], string[]][] = [
    ['at once', [send()], ['all']],
    ['busy at first', [status(503), status(429), send()], ['all', 'all', 'all']],
    ['no answer at first', [hangUp, send()], ['all', 'all']],
    ['broken twice', [send({ end: 20_000 }), send({ end: 30_000 }), send()], ['all', 'bytes=20000-', 'bytes=30000-']],
    ['more breaks than retries, each with new bytes', [...[9, 19, 29, 39, 49].map((k) => send({ end: k * 1000 })), send()], ['all', ...[9, 19, 29, 39, 49].map((k) => `bytes=${k}000-`)]],
    ['a server without ranges', [send({ end: 20_000, ranges: false }), send({ ranges: false })], ['all', 'bytes=20000-']],
    ['busy in the middle', [send({ end: 20_000 }), status(500), send()], ['all', 'bytes=20000-', 'bytes=20000-']],
  ];
  for (const [name, sent, requests] of whole) {
    test(name, async () => {
      const { got, fault } = await read(sent);
      assert.equal(fault, undefined);
      assert.deepEqual(asked, requests);
      assert.ok(got.equals(body), `${got.length} bytes`);
    });
  }
  // biome-ignore format: a table of behaviour, one case a line
  const broken: [string, Answer[], number | null, number, number][] = [
    ['not there: asked once', [status(404)], 404, 1, 0],
    ['forbidden in the middle', [send({ end: 20_000 }), status(403)], 403, 2, 20_000],
    ['busy for good', [status(503)], 503, 4, 0],
    ['never an answer', [hangUp], null, 4, 0],
    ['always broken at the same place', [send({ end: 20_000 })], null, 4, 20_000],
    ['another file in the middle', [send({ end: 20_000 }), send({ etag: '"2"', bytes: other })], null, 2, 20_000],
    ['another file from a server without ranges', [send({ end: 20_000, ranges: false }), send({ ranges: false, etag: '"2"', bytes: other })], null, 2, 20_000],
  ];
  for (const [name, sent, wantedFault, requests, bytes] of broken) {
    test(name, async () => {
      const { got, fault } = await read(sent);
      assert.deepEqual([fault, asked.length, got.length], [wantedFault, requests, bytes]);
      assert.ok(got.equals(body.subarray(0, bytes)));
    });
  }
});

test('a stop ends the wait', async () => {
  answers = [status(503)];
  const stop = new AbortController();
  const reading = httpChunks(url, { delayMs: 60_000, maxDelayMs: 60_000, signal: stop.signal }).next();
  setTimeout(() => stop.abort(new Error('stopped')), 50);
  await assert.rejects(reading, /stopped/);
});
