import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  headerReferrerPolicy,
  linkReferrerPolicy,
  metaReferrerPolicy,
  type ReferrerPolicy,
  refererOf,
  referrerPolicyOf,
} from '../../../crawler/policy/referrer.ts';

const page = 'https://me:secret@a.example/x?y#z';
const whole = 'https://a.example/x?y';
const origin = 'https://a.example/';

describe('a Referer', () => {
  /** For a picture of the same origin, of another over https, and of another over http. */
  const byPolicy: Record<ReferrerPolicy, (string | undefined)[]> = {
    'no-referrer': [undefined, undefined, undefined],
    'no-referrer-when-downgrade': [whole, whole, undefined],
    'same-origin': [whole, undefined, undefined],
    origin: [origin, origin, origin],
    'strict-origin': [origin, origin, undefined],
    'origin-when-cross-origin': [whole, origin, origin],
    'strict-origin-when-cross-origin': [whole, origin, undefined],
    'unsafe-url': [whole, whole, whole],
  };
  const targets = ['https://a.example/i.jpg', 'https://b.example/i.jpg', 'http://a.example/i.jpg'];
  for (const [policy, expected] of Object.entries(byPolicy)) {
    test(`by ${policy}`, () =>
      assert.deepEqual(
        targets.map((target) => refererOf(page, target, policy as ReferrerPolicy)),
        expected,
      ));
  }

  for (const [from, to, referer] of [
    [page, 'https://a.example/i.jpg', whole],
    [page, 'https://b.example/i.jpg', origin],
    [page, 'http://a.example/i.jpg', undefined],
    [page, 'http://127.0.0.1/i.jpg', origin],
    [page, 'http://127.0.0.1.example/i.jpg', undefined],
    ['http://a.example/x', 'https://a.example/i.jpg', 'http://a.example/'],
    ['http://a.example/x', 'http://b.example/i.jpg', 'http://a.example/'],
    [`${origin}${'x'.repeat(4096 - origin.length)}`, origin, `${origin}${'x'.repeat(4096 - origin.length)}`],
    [`${origin}${'x'.repeat(4097 - origin.length)}`, origin, origin],
  ] as const) {
    test(`without a policy from ${from.slice(0, 50)} to ${to}`, () => assert.equal(refererOf(from, to), referer));
  }
});

describe('a policy', () => {
  test('of an attribute', () => {
    for (const [value, policy] of [
      ['no-referrer', 'no-referrer'],
      ['Origin', 'origin'],
      ['', null],
      [undefined, null],
      ['never', null],
      [' origin', null],
    ] as const)
      assert.equal(referrerPolicyOf(value), policy, value);
  });
  test('of a meta tag, in older words too', () => {
    for (const [value, policy] of [
      [' Unsafe-URL ', 'unsafe-url'],
      ['never', 'no-referrer'],
      ['ALWAYS', 'unsafe-url'],
      ['default', 'strict-origin-when-cross-origin'],
      ['origin-when-crossorigin', 'origin-when-cross-origin'],
      ['constructor', null],
      ['origin, no-referrer', null],
    ] as const)
      assert.equal(metaReferrerPolicy(value), policy, value);
  });
  test('of a header, the last that is known', () => {
    for (const [value, policy] of [
      [undefined, null],
      ['no-referrer', 'no-referrer'],
      ['no-referrer, strict-origin-when-cross-origin', 'strict-origin-when-cross-origin'],
      ['no-referrer, one-of-the-future', 'no-referrer'],
      [['origin', 'same-origin,'], 'same-origin'],
      ['never', null],
    ] as const)
      assert.equal(headerReferrerPolicy(value), policy, String(value));
  });
  test('of a link, whose rel may be one', () => {
    for (const [attribs, policy] of [
      [{}, null],
      [{ rel: 'noopener NoReferrer' }, 'no-referrer'],
      [{ rel: 'noreferrers', referrerpolicy: 'origin' }, 'origin'],
      [{ rel: 'noreferrer', referrerpolicy: 'unsafe-url' }, 'no-referrer'],
    ] as const)
      assert.equal(linkReferrerPolicy(attribs), policy);
  });
});
