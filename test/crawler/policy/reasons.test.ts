/** What each reason means: its class, whether it comes again, and that none is missing. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { isRefusal, isTemporary } from '../../../crawler/fetch/fetch.ts';
import { meaningOf, namedReasons, type Reason } from '../../../crawler/policy/reasons.ts';

describe('a reason', () => {
  const cases: { reason: Reason; class: string; again: string; text: string }[] = [
    { reason: 'robots', class: 'refused', again: 'never', text: 'robots.txt forbids it' },
    {
      reason: 'robots-unreachable',
      class: 'refused',
      again: 'retry',
      text: 'robots.txt could not be fetched, which forbids everything',
    },
    {
      reason: 'rights-noai',
      class: 'refused',
      again: 'never',
      text: 'the site says noai: not for machine learning',
    },
    {
      reason: 'rights-content-usage',
      class: 'refused',
      again: 'never',
      text: 'the site says that its content is not for training (Content-Usage or Content-Signal)',
    },
    { reason: 'taken-down', class: 'refused', again: 'never', text: '`lait takedown` removed it' },
    { reason: 'trap-repeating-path', class: 'refused', again: 'never', text: 'its path repeats itself' },
    {
      reason: 'decoration-icon-size',
      class: 'refused',
      again: 'never',
      text: 'the page shows it at the size of an icon',
    },
    {
      reason: 'private-address',
      class: 'refused',
      again: 'never',
      text: 'the address belongs to a private network or to this machine',
    },
    {
      reason: 'contact-required',
      class: 'refused',
      again: 'retry',
      text: 'a crawl without a contact may ask this machine only',
    },
    { reason: 'timeout-whole', class: 'failed', again: 'soon', text: 'the whole answer took too long' },
    { reason: 'dns-failed', class: 'failed', again: 'soon', text: 'the name server did not answer' },
    { reason: 'dns-not-found', class: 'failed', again: 'retry', text: 'its host name does not exist' },
    {
      reason: 'not-an-image',
      class: 'failed',
      again: 'retry',
      text: 'the file is not an image in a supported format',
    },
    { reason: 'http-404', class: 'failed', again: 'retry', text: 'the server answered 404' },
    { reason: 'http-408', class: 'failed', again: 'soon', text: 'the server answered 408' },
    { reason: 'http-429', class: 'failed', again: 'soon', text: 'the server answered 429' },
    { reason: 'http-503', class: 'failed', again: 'soon', text: 'the server answered 503' },
    {
      reason: 'needs-browser',
      class: 'incomplete',
      again: 'retry',
      text: 'the page needs scripts and no browser is installed',
    },
    {
      reason: 'redirected',
      class: 'skipped',
      again: 'retry',
      text: 'it redirects to another page, which is recorded under its own URL',
    },
  ];
  for (const { reason, ...meaning } of cases) {
    test(`${reason} is ${meaning.class}, again: ${meaning.again}`, () => {
      assert.deepEqual(meaningOf(reason), meaning);
      assert.equal(isRefusal(reason), meaning.class === 'refused');
      assert.equal(isTemporary(reason), meaning.again === 'soon');
    });
  }

  for (const word of [
    '',
    'decoration',
    'decoration-',
    'decoration-toString',
    'http-',
    'http-x',
    'constructor',
    'Robots',
  ]) {
    test(`"${word}" is none`, () => assert.equal(meaningOf(word), null));
  }

  test('has a meaning if it has a name', () => {
    assert.deepEqual(
      namedReasons.filter((reason) => meaningOf(reason) === null),
      [],
    );
    assert.equal(new Set(namedReasons).size, namedReasons.length);
  });
});

/** The types hold every place that gives a reason to the table; this finds what they cannot see, such as a cast. */
test('every reason that the source gives is in the table, and every one in the table is given', () => {
  // Pictures are decoded in a room of the dataset's, for the crawl and for imports.
  const source = ['crawler', 'dataset/image']
    .map((room) => join(import.meta.dirname, '../../..', room))
    .flatMap((folder) => readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)))
    .filter((file) => file.endsWith('.ts') && !file.endsWith('reasons.ts'))
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n');
  const given = [...source.matchAll(/\breason: '([^']*)'/g)].map(([, reason]) => reason!);
  assert.ok(given.length > 0);
  assert.deepEqual(
    given.filter((reason) => meaningOf(reason) === null),
    [],
  );
  // `rights-` and `decoration-` reasons are put together from the word after the hyphen.
  const isGiven = (reason: string): boolean =>
    [reason, reason.replace(/^(?:rights|decoration)-/, '')].some((word) => new RegExp(`\\b${word}\\b`).test(source));
  assert.deepEqual(
    namedReasons.filter((reason) => !isGiven(reason)),
    [],
  );
});
