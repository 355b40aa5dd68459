/** A mistake is told in a line that a person can read, whatever it quotes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expected, UserError } from '../../dataset/user-error.ts';

test('what is quoted is cut, and so is every message', () => {
  const { message } = expected('a name', 'contact', 'x'.repeat(1e6), 'give one');
  assert.match(message, /^Expected a name for contact but received x{500}…; give one\.$/);
  assert.match(
    new UserError(`Expected less but received ${'y'.repeat(1e6)}.`).message,
    /^Expected less .{9000,10000}…$/,
  );
});
