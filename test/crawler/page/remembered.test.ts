/** What is read of a short text is remembered, within limits. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { remembered } from '../../../crawler/page/remembered.ts';

for (const { name, texts, read } of [
  { name: 'a text is read once', texts: ['a', 'b', 'a'], read: ['a', 'b'] },
  { name: 'a long text is read each time', texts: ['long text', 'long text'], read: ['long text', 'long text'] },
  { name: 'when there are too many, all are forgotten', texts: ['a', 'b', 'c', 'a'], read: ['a', 'b', 'c', 'a'] },
  { name: 'those after that are remembered', texts: ['a', 'b', 'c', 'c', 'b'], read: ['a', 'b', 'c', 'b'] },
])
  test(name, () => {
    const received: string[] = [];
    const reader = remembered(
      (text) => {
        received.push(text);
        return { text };
      },
      { maxTexts: 2, maxLength: 5 },
    );
    assert.deepEqual(
      texts.map((text) => reader(text).text),
      texts,
    );
    assert.deepEqual(received, read);
  });
