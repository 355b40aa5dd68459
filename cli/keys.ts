/** `lait keys`: the key that signs requests, and the directory of public keys to publish. A key that is there is kept. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  directoryPath,
  directoryType,
  directoryWith,
  newSigningKey,
  readSigningKey,
} from '../crawler/fetch/signing-key.ts';
import { writeFileAtomic } from '../dataset/atomic-file.ts';
import { makeFolder } from '../dataset/make-folder.ts';
import { expected } from '../dataset/user-error.ts';
import { checkCorpusDir } from './command.ts';

const keyName = 'signature-key.json';
const directoryName = 'http-message-signatures-directory';

/** Makes the key unless there is one, and lists its public part in the directory; gives back what to do next. */
export function makeKeys(dir: string): string {
  makeFolder(checkCorpusDir(dir));
  const keyPath = join(dir, keyName);
  const directory = join(dir, directoryName);
  const isNew = !existsSync(keyPath);
  if (isNew) writeFileAtomic(keyPath, newSigningKey(), 0o600); // nobody else may read it, not even while it is written
  const listed = existsSync(directory) ? readFileSync(directory, 'utf8') : null;
  writeFileAtomic(directory, directoryOf(keyPath, directory, listed));
  return [
    `${isNew ? 'Wrote' : 'Kept'} ${keyPath}: the private key, for you alone.`,
    `Wrote ${directory}: its public part. Publish it at https://YOUR-HOST${directoryPath}`,
    `with the type ${directoryType}, then crawl with`,
    `  --signature-key ${keyPath} --signature-agent https://YOUR-HOST${directoryPath}`,
  ].join('\n');
}

function directoryOf(keyPath: string, path: string, listed: string | null): string {
  const key = readSigningKey(keyPath);
  try {
    return directoryWith(key, listed);
  } catch {
    throw expected('a JWK Set of public keys', 'the directory', path, 'move it away, or correct it');
  }
}
