/** One column of `lait regions` on the disk: it grows in a `.partial` file, which a killed run continues, and is finished by a rename. */
import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { writeFileAtomic } from '../../dataset/atomic-file.ts';
import { endOfArchive, paddingBytes, tarHeader } from '../../dataset/shards/tar-header.ts';
import { tarEntries } from '../../dataset/shards/tar-reader.ts';
import { columnFields, regionFields } from './columns.ts';
import type { Regions } from './region.ts';

/** What is known of a finished column: `00000.json` beside `00000.tar`. */
export interface ColumnRecord {
  readonly shard: ShardState;
  readonly images: number;
  readonly regions: number;
  readonly failed: number;
}

/** Tells whether a shard has changed: export leaves a finished shard's file alone. */
interface ShardState {
  readonly byteLength: number;
  readonly mtimeMs: number;
}

/** A column that grows by whole samples in a `.partial` file. */
export class ColumnFile {
  readonly source: string;
  readonly #path: string;
  readonly #done = new Set<string>();
  readonly #counts = { images: 0, regions: 0, failed: 0 };

  constructor(source: string, path: string) {
    this.source = source;
    this.#path = path;
  }

  get #recordPath(): string {
    return this.#path.replace(/\.tar$/, '.json');
  }

  #shardState(): ShardState {
    const { size, mtimeMs } = statSync(this.source);
    return { byteLength: size, mtimeMs };
  }

  /** What a finished column holds; null when there is none or its shard has changed. */
  finished(): ColumnRecord | null {
    if (!existsSync(this.#path) || !existsSync(this.#recordPath)) return null;
    const record = JSON.parse(readFileSync(this.#recordPath, 'utf8')) as ColumnRecord;
    const { byteLength, mtimeMs } = this.#shardState();
    return record.shard.byteLength === byteLength && record.shard.mtimeMs === mtimeMs ? record : null;
  }

  /** The name tells which state of the shard the file is made from. */
  get #partialPath(): string {
    const { byteLength, mtimeMs } = this.#shardState();
    return `${this.#path}.${byteLength}-${Math.floor(mtimeMs)}.partial`;
  }

  /** Takes up what an interrupted run has written; counts go on from there. */
  async resume() {
    mkdirSync(dirname(this.#path), { recursive: true });
    const partial = this.#partialPath;
    const others = `${basename(this.#path)}.`;
    for (const name of readdirSync(dirname(this.#path))) {
      const path = join(dirname(this.#path), name);
      if (name.startsWith(others) && name.endsWith('.partial') && path !== partial) rmSync(path);
    }
    if (!existsSync(partial)) return this.#counts;
    const file = await open(partial, 'r');
    try {
      const size = statSync(partial).size;
      let whole = 0;
      const entries = (await tarEntries(file)).filter(({ offset, byteLength }) => offset + byteLength <= size);
      for (let first = 0; first + columnFields.length <= entries.length; first += columnFields.length) {
        const [boxes, last] = [entries[first], entries[first + columnFields.length - 1]];
        if (!boxes || !last) break;
        const end = last.offset + last.byteLength + paddingBytes(last.byteLength);
        if (end > size) break;
        whole = end;
        this.#done.add(boxes.name.slice(0, -`.${columnFields[0]}`.length));
        this.#counts.images += 1;
        this.#counts.regions += regionCount(boxes.byteLength);
      }
      truncateSync(partial, whole);
    } finally {
      await file.close();
    }
    return this.#counts;
  }

  /** True the first time a key is seen. */
  claim(key: string): boolean {
    if (this.#done.has(key)) return false;
    this.#done.add(key);
    return true;
  }

  add(key: string, regions: Regions): void {
    const fields = Object.entries(regionFields(regions)).flatMap(([field, bytes]) => [
      tarHeader(`${key}.${field}`, bytes.length),
      bytes,
      Buffer.alloc(paddingBytes(bytes.length)),
    ]);
    appendFileSync(this.#partialPath, Buffer.concat(fields));
    this.#counts.images += 1;
    this.#counts.regions += regions.labels.length;
  }

  finish(counts: Omit<ColumnRecord, 'shard'>): ColumnRecord {
    const record = { shard: this.#shardState(), ...counts };
    const partial = this.#partialPath;
    appendFileSync(partial, endOfArchive);
    const handle = openSync(partial, 'r');
    fsyncSync(handle);
    closeSync(handle);
    rmSync(this.#recordPath, { force: true });
    renameSync(partial, this.#path);
    writeFileAtomic(this.#recordPath, `${JSON.stringify(record)}\n`);
    return record;
  }
}

/** [R, 4] halves behind a header of 128 bytes. */
function regionCount(boxesByteLength: number): number {
  return (boxesByteLength - 128) / 8;
}
