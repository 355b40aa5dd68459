import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import { pack } from 'tar-stream';
import { endOfArchive, headerChecksum, paddingBytes, tarHeader } from '../../../dataset/shards/tar-header.ts';
import { readTar, tarEntries } from '../../../dataset/shards/tar-reader.ts';
import { TarWriter } from '../../../dataset/shards/tar-writer.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-tar-'));
after(() => rmSync(root, { recursive: true, force: true }));

const file = (name: string, body: Uint8Array | string = name) => {
  const bytes = Buffer.from(body);
  return Buffer.concat([tarHeader(name, bytes.length), bytes, Buffer.alloc(paddingBytes(bytes.length))]);
};

/** A header with some fields replaced and the checksum put right. */
function header(name: string, size: number, fields: { type?: string; rawSize?: Buffer; at?: Record<number, number> }) {
  const block = tarHeader(name, size);
  if (fields.type !== undefined) block.write(fields.type, 156, 'latin1');
  fields.rawSize?.copy(block, 124);
  for (const [offset, byte] of Object.entries(fields.at ?? {})) block[Number(offset)] = byte;
  block.write(`${headerChecksum(block).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

const base256 = (size: bigint) => {
  const bytes = Buffer.alloc(12);
  bytes.writeBigUInt64BE(size, 4);
  bytes[0] = 0x80;
  return bytes;
};

const pax = (record: string) => {
  const body = `${record.length + 2 + String(record.length + 4).length} ${record}\n`;
  return Buffer.concat([
    header('PaxHeader', body.length, { type: 'x' }),
    Buffer.from(body),
    Buffer.alloc(paddingBytes(body.length)),
  ]);
};

async function read(archive: Buffer, chunkBytes = archive.length, maxMemberBytes = 1 << 20) {
  const chunks = [];
  for (let at = 0; at < archive.length; at += chunkBytes) {
    chunks.push(Buffer.from(archive.subarray(at, at + chunkBytes)));
  }
  const faults: string[] = [];
  const names: string[] = [];
  const onBad = (fault: string, name: string) => faults.push(`${fault} ${name}`.trim());
  for await (const members of readTar(chunks, { maxMemberBytes, onBad })) {
    for (const { name, bytes, offset } of members) {
      names.push(`${name}=${bytes}`);
      assert.deepEqual(archive.subarray(offset, offset + bytes.length), bytes);
    }
  }
  return { names, faults };
}

const good = file('a.txt', 'A');
const after1 = file('z.txt', 'Z');
const longName = `${'long/'.repeat(40)}name.txt`;

describe('tar: what is broken is one reason, and reading goes on behind it', () => {
  // biome-ignore format: a table of behaviour, one case a line
  const table: [string, Buffer[], string[], string[]][] = [
    ['two files', [good, after1, endOfArchive], ['a.txt=A', 'z.txt=Z'], []],
    ['no end of archive', [good, after1], ['a.txt=A', 'z.txt=Z'], []],
    ['nothing at all', [], [], []],
    ['an empty file', [file('e.jpg', ''), after1], ['e.jpg=', 'z.txt=Z'], []],
    ['files after the end', [good, endOfArchive, after1], ['a.txt=A'], []],
    ['one zero block', [good, Buffer.alloc(512), after1], ['a.txt=A', 'z.txt=Z'], []],
    ['cut inside a header', [good, after1.subarray(0, 300)], ['a.txt=A'], ['cut-in-header']],
    ['cut inside a body', [good, file('b.txt', 'B'.repeat(600)).subarray(0, 700)], ['a.txt=A'], ['cut-in-body b.txt']],
    ['cut right after a header', [good, after1.subarray(0, 512)], ['a.txt=A'], ['cut-in-body z.txt']],
    ['cut inside the padding', [good, after1.subarray(0, 600)], ['a.txt=A', 'z.txt=Z'], []],
    ['garbage between', [good, Buffer.alloc(1024, 7), after1], ['a.txt=A', 'z.txt=Z'], ['bad-header']],
    ['not a tar', [Buffer.alloc(2000, 65)], [], ['bad-header']],
    ['leads out of the folder', [file('../up.txt'), file('/abs.txt'), file('a/../../b.txt'), after1], ['z.txt=Z'], ['unsafe-name ../up.txt', 'unsafe-name /abs.txt', 'unsafe-name a/../../b.txt']],
    ['Windows paths', [file('C:\\x.txt'), file('..\\x.txt'), after1], ['z.txt=Z'], ['unsafe-name C:\\x.txt', 'unsafe-name ..\\x.txt']],
    ['a folder', [header('d/', 0, { type: '5' }), good], ['a.txt=A'], []],
    ['links and devices', [header('s', 0, { type: '2' }), header('h', 9, { type: '1' }), header('c', 0, { type: '3' }), good], ['a.txt=A'], ['not-a-file s', 'not-a-file h', 'not-a-file c']],
    ['too large for memory', [header('big.jpg', 2 << 20, {}), Buffer.alloc(2 << 20), good], ['a.txt=A'], ['member-too-large big.jpg']],
    ['5 GB that are not there', [header('big.jpg', 5e9, {}), good], [], ['member-too-large big.jpg', 'cut-in-body big.jpg']],
    ['20 GB in base 256', [header('big.jpg', 0, { rawSize: base256(20_000_000_000n) })], [], ['member-too-large big.jpg', 'cut-in-body big.jpg']],
    ['a small size in base 256', [header('a.txt', 0, { rawSize: base256(1n) }), file('x', 'A').subarray(512)], ['a.txt=A'], []],
    ['a size that is no number', [header('a.txt', 0, { rawSize: Buffer.from('12345x789ab\0') }), good], ['a.txt=A'], ['bad-size a.txt']],
    ['a size beyond counting', [header('a.txt', 0, { rawSize: Buffer.alloc(12, 0xff) }), good], ['a.txt=A'], ['bad-size a.txt']],
    ['an old sparse file', [header('s.bin', 512, { type: 'S' }), Buffer.alloc(512, 1), good], ['a.txt=A'], ['sparse-file s.bin']],
    ['an old sparse file with a longer map', [header('s.bin', 512, { type: 'S', at: { 482: 1 } }), Buffer.alloc(512), Buffer.alloc(512, 1), good], ['a.txt=A'], ['sparse-file s.bin']],
    ['a PAX sparse file', [pax('GNU.sparse.major=1'), file('s.bin', 'xx'), good], ['a.txt=A'], ['sparse-file s.bin']],
    ['a PAX path', [pax('path=other/name.txt'), good, after1], ['other/name.txt=A', 'z.txt=Z'], []],
    ['a PAX path that leads out', [pax('path=../../etc/passwd'), good, after1], ['z.txt=Z'], ['unsafe-name ../../etc/passwd']],
    ['a PAX size', [pax('size=1'), header('a.txt', 0, {}), file('x', 'A').subarray(512), after1], ['a.txt=A', 'z.txt=Z'], []],
    ['PAX records that do not parse', [pax('nonsense').fill('9', 512, 520), good], ['a.txt=A'], []],
    ['a huge PAX header', [header('PaxHeader', 3 << 20, { type: 'x' }), Buffer.alloc(3 << 20, 32), good], ['a.txt=A'], ['member-too-large PaxHeader']],
    ['a GNU long name', [header('././@LongLink', longName.length + 1, { type: 'L' }), Buffer.concat([Buffer.from(longName), Buffer.alloc(512 - longName.length)]), good], [`${longName}=A`], []],
  ];
  for (const [name, blocks, names, faults] of table) {
    test(name, async () => {
      const archive = Buffer.concat(blocks);
      assert.deepEqual(await read(archive), { names, faults });
      assert.deepEqual(await read(archive, 100), { names, faults });
      assert.deepEqual(await read(archive, 513), { names, faults });
    });
  }
});

test('what the tar-stream package packs is read back, for any names, bodies and chunks', async () => {
  const name = fc.stringMatching(/^[a-zà-ÿ\u4e00-\u4fff0-9_-]{1,120}\.[a-z]{1,5}$/u);
  const members = fc.array(fc.tuple(name, fc.uint8Array({ maxLength: 2000 })), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(members, fc.integer({ min: 1, max: 3000 }), async (files, chunkBytes) => {
      const packed = pack();
      for (const [fileName, body] of files) packed.entry({ name: fileName }, Buffer.from(body));
      packed.finalize();
      const parts: Buffer[] = [];
      for await (const part of packed) parts.push(part as Buffer);
      const archive = Buffer.concat(parts);
      const { names, faults } = await read(archive, chunkBytes);
      assert.deepEqual(faults, []);
      assert.deepEqual(
        names,
        files.map(([fileName, body]) => `${fileName}=${Buffer.from(body)}`),
      );
    }),
    { numRuns: 50 },
  );
});

test('any bytes end without an exception', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), fc.nat(2), async (noise, at) => {
      const archive = Buffer.concat([good, file('b.txt', 'B'.repeat(700)), after1]);
      archive.set(noise.subarray(0, archive.length - at * 512), at * 512);
      await read(archive, 700);
    }),
    { numRuns: 100 },
  );
});

test('entries are found without reading bodies', async () => {
  const path = join(root, 'entries.tar');
  const writer = new TarWriter(path);
  writer.add('000', { jpg: Buffer.alloc(100_000, 1), txt: Buffer.from('one') });
  writer.add('001', { jpg: Buffer.alloc(0), txt: Buffer.from('two') });
  writer.commit();
  const handle = await open(path);
  assert.deepEqual(await tarEntries(handle), [
    { name: '000.jpg', offset: 512, byteLength: 100_000 },
    { name: '000.txt', offset: 101_376, byteLength: 3 },
    { name: '001.jpg', offset: 102_400, byteLength: 0 },
    { name: '001.txt', offset: 102_912, byteLength: 3 },
  ]);
  await handle.close();
  writeFileSync(path, file('a.jpg', 'x'.repeat(5000)).subarray(0, 3000));
  const cut = await open(path);
  const faults: string[] = [];
  assert.deepEqual(await tarEntries(cut, { onBad: (fault, name) => faults.push(`${fault} ${name}`) }), [
    { name: 'a.jpg', offset: 512, byteLength: 5000 },
  ]);
  assert.deepEqual(faults, ['cut-in-body a.jpg']);
  await cut.close();
});

test('names and keys that readers cannot take are refused by the writer', () => {
  assert.throws(() => tarHeader('x'.repeat(101), 1), RangeError);
  assert.throws(() => tarHeader('', 1), RangeError);
  assert.throws(() => tarHeader('a', 8 ** 11), RangeError);
  const writer = new TarWriter(join(root, 'dots.tar'));
  assert.throws(() => writer.add('a.b', { txt: Buffer.alloc(1) }), RangeError);
  writer.abandon();
});
