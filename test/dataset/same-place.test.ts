/** Whoever holds a corpus or a run notices that it is not there any more. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { heldFolder } from '../../dataset/same-place.ts';
import { UserError } from '../../dataset/user-error.ts';

const told = (words: RegExp) => (error: unknown) => error instanceof UserError && words.test(error.message);

test('nothing is written to a ledger, or said of a folder, that was moved, replaced or deleted', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'lait-place-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const [corpus, aside] = [join(root, 'corpus'), join(root, 'aside')];
  const ledger = Ledger.open(corpus);
  t.after(() => ledger.close());
  const check = heldFolder(corpus, (close) => t.after(() => void close()));
  const write = (): unknown => ledger.recordPage({ url: 'https://a.example/', status: 'fetched', fetchedAtMs: 1 });
  const refuses = async (words: RegExp): Promise<void> => {
    assert.throws(write, told(words));
    assert.throws(() => ledger.tryWrite(write), told(words));
    await assert.rejects(ledger.writeWhenFree(write), told(words));
    await assert.rejects(
      ledger.writeInTurns(async () => write()),
      told(words),
    );
    assert.throws(check, told(words));
  };

  write();
  check();
  renameSync(corpus, aside);
  await refuses(/it was moved or deleted meanwhile; put it back, and run the same command again\.$/);
  cpSync(aside, corpus, { recursive: true });
  await refuses(/another was put in its place meanwhile/);
  rmSync(corpus, { recursive: true });
  renameSync(aside, corpus);
  write();
  check();
});
