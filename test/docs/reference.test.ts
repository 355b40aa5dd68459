import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { configurationPage, reasonsPage } from './reference.ts';

const pages = { 'configuration.md': configurationPage, 'reasons.md': reasonsPage };

describe('pages that are made from the code', () => {
  for (const [name, make] of Object.entries(pages)) {
    it(`docs/${name} is what the code says; LAIT_WRITE_DOCS=1 writes it`, () => {
      const path = new URL(`../../docs/${name}`, import.meta.url);
      if (process.env.LAIT_WRITE_DOCS) writeFileSync(path, make());
      assert.equal(readFileSync(path, 'utf8'), make());
    });
  }
});
