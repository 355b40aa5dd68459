import assert from 'node:assert/strict';
import { test } from 'node:test';
import { textLines } from '../../dataset/text-lines.ts';

async function* pieces(text: string, byteLength: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < text.length; at += byteLength) yield Buffer.from(text.slice(at, at + byteLength));
}

for (const end of ['\n', '\r\n', '\r']) {
  for (const byteLength of [1, 7, 4096]) {
    test(`of empty lines in a row only the first are handed out: ${JSON.stringify(end)} in pieces of ${byteLength}`, async () => {
      const text = `a${end}${end.repeat(5)}b${end}${end.repeat(20_000)}c${end}`;
      const lines: (string | null)[] = [];
      for await (const line of textLines(pieces(text, byteLength), 100)) lines.push(line);
      assert.deepEqual(lines, ['a', ...Array(5).fill(''), 'b', ...Array(1000).fill(''), 'c']);
    });
  }
}
