import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expressions } from '../../cli/expressions.ts';
import { withDeadline } from '../../dataset/deadline.ts';

test('an expression of the operator is no match for a long address, and matches what it says', () => {
  const [slow, nested, plain] = expressions([
    String.raw`^https://a\.test/(\w+/?)+\.html$`,
    '^(?:(?:a|b)+)+!',
    '/birds/',
  ]);
  const long = `https://a.test/${'a'.repeat(2000)}`;
  const cases: [RegExp, text: string, matches: boolean][] = [
    [slow!, long, false],
    [slow!, `${long}.html`, true],
    [slow!, 'https://a.test/b/c.html', true],
    [nested!, 'ab'.repeat(1000), false],
    [nested!, `${'ab'.repeat(1000)}!`, true],
    [plain!, 'https://a.test/birds/1', true],
    [plain!, 'https://a.test/bird/1', false],
  ];
  for (const [expression, text, matches] of cases)
    assert.equal(
      withDeadline(() => expression.test(text), 60_000),
      matches,
      `${expression} ${text.slice(0, 40)}`,
    );
});
