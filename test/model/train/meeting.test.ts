/** How processes meet: here several meetings of one process, over real connections. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { type Meeting, meet } from '../../../model/train/meeting.ts';
import { freePort } from '../../helpers/free-port.ts';

async function meeting(count: number, meanwhile: (port: number) => Promise<void> = async () => {}): Promise<Meeting[]> {
  const port = await freePort();
  const coordinator = { host: '127.0.0.1', port };
  const join = (rank: number) => meet({ rank, count, coordinator, deadlineMs: 20_000 });
  const first = join(0);
  await setTimeout(500); // until it listens
  await meanwhile(port);
  return Promise.all([first, ...Array.from({ length: count - 1 }, (_, index) => join(index + 1))]);
}

test('all know the addresses of all, add up numbers and have what rank 0 has, bit for bit', async () => {
  const all = await meeting(3);
  assert.deepEqual(all.map(({ rank }) => rank), [0, 1, 2]); // biome-ignore format: one line
  for (const { addresses } of all) assert.deepEqual(addresses, all[0]!.addresses);
  assert.equal(new Set(all[0]!.addresses).size, 3);
  assert.deepEqual(await Promise.all(all.map((one, index) => one.sum(10 ** index))), [111, 111, 111]);
  const numbers = Float32Array.from([1 / 3, -0, Number.NaN, 3e38, 1e-45]);
  const own = { data: { step: 7, text: 'ä' }, arrays: new Map([['one', numbers], ['none', new Float32Array(0)], ['large', new Float32Array(3e5).fill(0.1)]]) }; // biome-ignore format: one line
  const heard = await Promise.all([all[0]!.fromFirst(own), all[1]!.fromFirst(), all[2]!.fromFirst()]);
  for (const one of heard) assert.deepEqual(one, own);
  await Promise.all(all.map((one) => one.leave()));
});

test('whoever does not speak as ranks do is let go, and the meeting goes on', async () => {
  const strangers: Promise<unknown>[] = [];
  let gone: Promise<unknown> | undefined;
  const all = await meeting(2, async (port) => {
    const huge = Buffer.alloc(12);
    huge.writeUInt32LE(0xffffffff);
    const said = (text: string) =>
      Buffer.concat([Buffer.from([text.length, 0, 0, 0]), Buffer.alloc(8), Buffer.from(text)]);
    for (const bytes of [
      Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'),
      huge,
      ...['{"sum":1}', '{"a', '5', 'null', '{"hello":null}'].map(said),
    ]) {
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      socket.on('error', () => {});
      socket.write(bytes);
      strangers.push(once(socket, 'close'));
      socket.resume();
    }
    await Promise.all(strangers);
    // Says nothing at all.
    const silent = connect(port, '127.0.0.1');
    silent.on('error', () => {});
    gone = once(silent, 'close');
    silent.resume();
  });
  await gone;
  assert.deepEqual(await Promise.all(all.map((one) => one.sum(1))), [2, 2]);
  await Promise.all(all.map((one) => one.leave()));
});

test('who fails says why to all, whoever waits for it', async () => {
  const all = await meeting(3);
  const waiting = Promise.allSettled([all[0]!.sum(1), all[2]!.sum(1)]);
  await all[1]!.leave(new Error('Expected a disk but received none; add one.\n    at a stack'));
  for (const result of await waiting) {
    assert.equal(result.status, 'rejected');
    const { message, exitCode } = (result as PromiseRejectedResult).reason;
    assert.deepEqual([message, exitCode], ['Rank 1 of 3: Expected a disk but received none; add one.', 1]);
  }
  await Promise.all([all[0]!.leave(), all[2]!.leave()]);
});

test('who waits at rank 0 hears a signal and the deadline, although rank 0 says nothing', async (t) => {
  const hanging = createServer().listen(0, '127.0.0.1');
  await once(hanging, 'listening');
  t.after(() => hanging.close());
  const closed: Promise<unknown>[] = [];
  hanging.on('connection', (socket) => closed.push(once(socket.resume(), 'close')));
  const coordinator = { host: '127.0.0.1', port: (hanging.address() as { port: number }).port };
  const stop = new AbortController();
  const joined = once(hanging, 'connection').then(() => stop.abort(new Error('stopped')));
  await assert.rejects(meet({ rank: 1, count: 2, coordinator, signal: stop.signal }), /^Error: stopped$/);
  await joined;
  await assert.rejects(
    meet({ rank: 1, count: 2, coordinator, deadlineMs: 100 }),
    /^UserError: Expected rank 0 at 127\.0\.0\.1:\d+ to wait for all ranks but it has said nothing for 2\.1 s; start all again\.$/,
  );
  assert.equal(closed.length, 2);
  await Promise.all(closed);
});

test('who goes on when another one has said goodbye does not wait for it for ever', async () => {
  for (const early of [0, 1]) {
    const all = await meeting(2);
    const left = all[early]!.leave();
    const theirs = new RegExp(
      `^UserError: Rank ${early} of 2: its run has ended while others go on; start all ranks with`,
    );
    await assert.rejects(all[1 - early]!.sum(1), theirs);
    await all[1 - early]!.leave(new Error('ended'));
    await left;
  }
});
