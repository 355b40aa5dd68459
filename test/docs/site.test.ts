import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';

const root = join(import.meta.dirname, '../..');

describe('the documentation as pages', () => {
  it('is made without a warning: each link leads somewhere', (t) => {
    const out = mkdtempSync(join(tmpdir(), 'lait-site-'));
    t.after(() => rmSync(out, { recursive: true }));
    const typedoc = join(root, 'node_modules/typedoc/bin/typedoc');
    const options = ['--options', join(root, 'typedoc.config.mjs'), '--treatWarningsAsErrors', '--out', out];
    execFileSync(process.execPath, [typedoc, ...options], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
    const page = (path: string): string => readFileSync(join(out, path), 'utf8');
    assert.match(page('documents/From_npm_to_a_corpus_of_your_own.html'), /Crawl and judge/);
    assert.match(page('documents/Configuration.html'), /maxPages/);
    assert.match(page('functions/crawler.schedule.html'), /ScheduleOptions/);
  });
});
