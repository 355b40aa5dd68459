/**
 * Blobs in a folder of this machine. A blob is a file that appears by a rename. A condition holds among writers of one process and, for
 * `ifAbsent`, of all; who writes from several processes under `ifVersion` holds a lock of the folder.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  createReadStream,
  fsyncSync,
  linkSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeFolder } from '../make-folder.ts';
import { type BlobFacts, type BlobReader, type Blobs, checkKey, inKeyOrder, type PutOptions } from './blobs.ts';

/** Opens a folder, which need not exist. */
export function folderBlobs(folder: string): Blobs {
  const pathOf = (key: string): string => {
    checkKey(key);
    return join(folder, key);
  };
  const factsAt = (key: string): BlobFacts | null => {
    const stats = statSync(pathOf(key), { throwIfNoEntry: false });
    return stats?.isFile() ? factsOf(key, stats) : null;
  };
  /** `write` makes the file of the given name, which is then renamed. */
  const put = (key: string, write: (temporary: string) => void, { condition, signal }: PutOptions = {}) => {
    signal?.throwIfAborted();
    const path = pathOf(key);
    const before = factsAt(key);
    if (condition !== undefined) {
      const isMet = 'ifAbsent' in condition ? before === null : before?.version === condition.ifVersion;
      if (!isMet) return null;
    }
    makeFolder(dirname(path));
    const temporary = `${path}.${process.pid}${temporaryEnding}`;
    try {
      write(temporary);
      const fd = openSync(temporary, 'r');
      fsyncSync(fd);
      closeSync(fd);
      if (condition !== undefined && 'ifAbsent' in condition) {
        if (!linked(temporary, path)) return null;
      } else renameSync(temporary, path);
    } finally {
      rmSync(temporary, { force: true });
    }
    return factsAt(key);
  };
  return {
    place: folder,
    facts: async (key) => factsAt(key),
    open: async (key) => (factsAt(key) === null ? null : openFile(key, pathOf(key))),
    async *list(prefix = '') {
      for (const key of keysBelow(folder, prefix)) {
        const stats = statSync(join(folder, key), { throwIfNoEntry: false });
        if (stats?.isFile()) yield { ...factsOf(key, stats), writtenAtMs: stats.mtimeMs };
      }
    },
    put: async (key, bytes, options) => put(key, (temporary) => writeFileSync(temporary, bytes), options),
    putFile: async (key, path, options) => put(key, (temporary) => copyFileSync(path, temporary), options),
    async holds({ key, byteLength }, path) {
      if (statSync(path).size !== byteLength) return false;
      return (await sha256Of(pathOf(key))) === (await sha256Of(path));
    },
    async remove(keys) {
      for (const key of keys) rmSync(pathOf(key), { force: true });
    },
    async sweep({ olderThanMs }) {
      const isOld = (path: string) => Date.now() - statSync(path).mtimeMs >= olderThanMs;
      const left = filesBelow(folder).filter((path) => path.endsWith(temporaryEnding) && isOld(path));
      for (const path of left) rmSync(path, { force: true });
      return left.length;
    },
  };
}

/** What is not whole yet has a name that no list gives. */
const temporaryEnding = '.blob-tmp';

const factsOf = (key: string, { size, mtimeMs, ino }: Stats): BlobFacts => ({
  key,
  byteLength: size,
  version: `${mtimeMs}-${size}-${ino}`,
});

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk);
  return hash.digest('hex');
}

/** Gives the file its name, unless another has it. */
function linked(temporary: string, path: string): boolean {
  try {
    linkSync(temporary, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function filesBelow(folder: string): string[] {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function keysBelow(folder: string, prefix: string): string[] {
  const start = join(folder, '/').length;
  return filesBelow(folder)
    .map((path) => path.slice(start))
    .filter((key) => key.startsWith(prefix) && !key.endsWith(temporaryEnding))
    .sort(inKeyOrder);
}

/** An open file stays what it was when another takes its name. */
async function openFile(key: string, path: string): Promise<BlobReader> {
  const file = await open(path, 'r');
  const stats = await file.stat();
  return {
    ...factsOf(key, stats),
    async read(offset, byteLength, signal) {
      signal?.throwIfAborted();
      const wanted = Math.max(0, Math.min(byteLength, stats.size - offset));
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafeSlow(wanted), 0, wanted, offset);
      return buffer.subarray(0, bytesRead);
    },
    async readInto(target, offset) {
      return (await file.read(target, 0, target.byteLength, offset)).bytesRead;
    },
    close: () => file.close(),
  };
}
