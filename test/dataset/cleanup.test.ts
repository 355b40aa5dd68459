/** Everything that was opened is closed, last first, and the first error is the one that leaves. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withCleanup } from '../../dataset/cleanup.ts';

for (const { name, throwing, error } of [
  { name: 'nothing throws', throwing: [] as string[], error: null },
  { name: 'the work throws', throwing: ['work'], error: 'work' },
  { name: 'the work and every close throw', throwing: ['work', 'first', 'second'], error: 'work' },
  { name: 'the last one opened throws on closing', throwing: ['second'], error: 'second' },
  { name: 'both throw on closing', throwing: ['first', 'second'], error: 'second' },
]) {
  test(`${name}: both are closed, and ${error === null ? 'the result' : `the error of ${error}`} leaves`, async () => {
    const done: string[] = [];
    const act = (what: string) => {
      done.push(what);
      if (throwing.includes(what)) throw new Error(what);
      return what;
    };
    const running = withCleanup((defer) => {
      defer(() => act('first'));
      defer(async () => act('second'));
      return act('work');
    });
    if (error === null) assert.equal(await running, 'work');
    else await assert.rejects(running, new Error(error));
    assert.deepEqual(done, ['work', 'second', 'first']);
  });
}
