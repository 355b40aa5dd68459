/** Errors within errors, as libraries and systems nest them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultOf } from '../../cli/fault.ts';
import { hintsAtNoNetwork } from '../../crawler/fetch/local-faults.ts';
import { causesOf } from '../../dataset/causes.ts';
import { diskFullCode } from '../../dataset/disk-full.ts';

const failure = (code: string, cause?: unknown) => Object.assign(new Error(code, { cause }), { code });

test('the nearest comes first, each once, and what is no error not at all', () => {
  const [near, far] = [failure('EACCES', 'words'), failure('ENOSPC')];
  const both = new AggregateError([near, far], 'both', { cause: near });
  assert.deepEqual(causesOf(new Error('outer', { cause: both })).slice(1), [both, near, far]);
  assert.deepEqual(causesOf('words'), []);
  assert.equal(diskFullCode(both), 'ENOSPC');
});

test('errors that are causes of each other come to an end', () => {
  const [one, other] = [new Error('one'), failure('EAI_AGAIN')];
  one.cause = other;
  other.cause = one;
  assert.deepEqual(causesOf(one), [one, other]);
  assert.equal(faultOf(one).isOurs, true);
  assert.equal(diskFullCode(one), null);
  assert.equal(hintsAtNoNetwork(one), false);
});
