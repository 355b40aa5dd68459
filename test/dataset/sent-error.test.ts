/** Errors that come from a thread are told as if they had been thrown here. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultOf } from '../../cli/fault.ts';
import { receivedError, sentError } from '../../dataset/sent-error.ts';
import { UserError } from '../../dataset/user-error.ts';

test('whose fault it is stays known on the way from a thread', () => {
  const failed = (code: string, path?: string): Error => Object.assign(new Error(`${code}: no`), { code, path });
  for (const error of [
    new UserError('Expected this; do that.'),
    new UserError('Later.', { exitCode: 1 }),
    failed('ENOSPC'),
    failed('SQLITE_FULL'),
    failed('EMFILE'),
    failed('ENOENT', '/data/x'),
    new Error('outer', { cause: failed('EACCES', '/data/x') }),
    new TypeError('x is undefined'),
  ]) {
    const received = receivedError(structuredClone(sentError(error)));
    assert.deepEqual(faultOf(received), faultOf(error), String(error));
    assert.equal(received instanceof UserError, error instanceof UserError);
    if (!(error instanceof UserError)) assert.equal(received.stack, error.stack);
  }
  assert.equal(receivedError(sentError('a word')).message, 'a word');
});
