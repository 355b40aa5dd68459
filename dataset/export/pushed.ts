/** Where a corpus was pushed to on the hub: a takedown does not reach what others have there, and says so. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../atomic-file.ts';
import { expected } from '../user-error.ts';

const pushedName = 'pushed.json';

/** Addresses, `hf://datasets/OWNER/NAME`, in the order of the first times. Throws a UserError for a damaged file. */
export function pushedTo(corpusDir: string): string[] {
  const path = join(corpusDir, pushedName);
  if (!existsSync(path)) return [];
  const text = readFileSync(path, 'utf8');
  try {
    return z.array(z.string()).parse(JSON.parse(text));
  } catch {
    throw expected('a JSON list of addresses', path, text, 'correct it, or delete it where nothing was pushed');
  }
}

export function rememberPush(corpusDir: string, address: string): void {
  const known = pushedTo(corpusDir);
  if (known.includes(address)) return;
  writeFileAtomic(join(corpusDir, pushedName), `${JSON.stringify([...known, address], null, 2)}\n`);
}
