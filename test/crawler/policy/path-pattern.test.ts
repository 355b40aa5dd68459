/** Path patterns of robots.txt, TDMRep and AIPREF: against a regular expression of the same meaning, and a table. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { comparablePattern, matchesPath, mostSpecificMatches } from '../../../crawler/policy/path-pattern.ts';

for (const { pattern, path, matches } of [
  { pattern: '', path: '/a', matches: true },
  { pattern: '/', path: '/a?b', matches: true },
  { pattern: '/a', path: '/ab/c', matches: true },
  { pattern: '/a/', path: '/a', matches: false },
  { pattern: '/a$', path: '/a', matches: true },
  { pattern: '/a$', path: '/a/a', matches: false },
  { pattern: '/*.jpg$', path: '/x/y.jpg', matches: true },
  { pattern: '/*.jpg$', path: '/x.jpg/y.jpg', matches: true },
  { pattern: '/*.jpg$', path: '/y.jpg?x', matches: false },
  { pattern: '/a*b*c', path: '/axxbxxc', matches: true },
  { pattern: '/a*b*c', path: '/acb', matches: false },
  { pattern: '/*', path: '/', matches: true },
  { pattern: '/a*$', path: '/abc', matches: true },
  { pattern: '/ab*b$', path: '/ab', matches: false },
]) {
  test(`${pattern} on ${path}`, () => assert.equal(matchesPath(pattern, path), matches));
}

test('as the regular expression that RFC 9309 describes', () => {
  const part = fc.string({ unit: fc.constantFrom('/', 'a', 'b', '*', '.'), maxLength: 8 });
  const path = fc.string({ unit: fc.constantFrom('/', 'a', 'b', '.'), maxLength: 12 });
  fc.assert(
    fc.property(part, fc.boolean(), path, (pattern, anchored, text) => {
      const source = pattern.replaceAll('.', '\\.').replaceAll('*', '.*');
      const meant = new RegExp(`^${source}${anchored ? '$' : ''}`).test(text);
      assert.equal(matchesPath(pattern + (anchored ? '$' : ''), text), meant);
    }),
    { numRuns: 2000 },
  );
});

test('the longest that match', () => {
  const found = (patterns: string[]) =>
    mostSpecificMatches(patterns, comparablePattern, 'https://a.example/art/1.jpg?x');
  assert.deepEqual(found(['/', '/art/', '/ar*/', '/b']), ['/art/', '/ar*/']);
  assert.deepEqual(found(['/b', '/*.png']), []);
  assert.deepEqual(found(['', '']), ['', '']);
});
