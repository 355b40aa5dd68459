/** The version has one source. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { userAgentOf } from '../../crawler/policy/robots.ts';
import { version } from '../../dataset/version.ts';

test('the version and the User-Agent are those of package.json', () => {
  const manifest = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'));
  assert.equal(version, manifest.version);
  assert.equal(userAgentOf(undefined), `lait/${manifest.version}`);
  assert.equal(userAgentOf('https://example.org/bot'), `lait/${manifest.version} (+https://example.org/bot)`);
});
