/**
 * Reads tar archives from hostile or half-written files: POSIX ustar and PAX, GNU long names, base-256 sizes. Bytes are
 * pushed in as they come and whole members come out; what cannot be used (a cut file, a wrong checksum, a sparse file, a
 * link, a member too large for memory, a name that leads out of its folder) is one reason and reading goes on behind it.
 */
import { type Extension, number, octal, paxRecords, plainName, untilNul } from './tar-fields.ts';
import { blockBytes, headerChecksum, paddingBytes } from './tar-header.ts';

/** A regular file of an archive. `offset` is where its body starts, counted from the start of the archive. */
export interface TarMember {
  readonly name: string;
  readonly offset: number;
  readonly bytes: Buffer;
}

/** A regular file of an archive whose body was not read. */
export type TarEntry = Omit<TarMember, 'bytes'> & { readonly byteLength: number };

/** Why a member or the rest of an archive was skipped. */
export type TarFault =
  | 'bad-header'
  | 'bad-size'
  | 'cut-in-header'
  | 'cut-in-body'
  | 'member-too-large'
  | 'not-a-file'
  | 'sparse-file'
  | 'unsafe-name';

export interface TarOptions {
  /** A larger member is skipped as `member-too-large`. 256 MiB holds any image the crawler stores. */
  readonly maxMemberBytes?: number;
  /** Called for everything that was skipped. */
  readonly onBad?: (fault: TarFault, name: string) => void;
  /** When given, bodies are not kept: it is called for each regular file of any size as soon as its header is read. */
  readonly onEntry?: (entry: TarEntry) => void;
}

/** An extension header (a long name, PAX records) has a few lines; a larger one is not worth its memory. */
const maxExtensionBytes = 1 << 20;
/** What the bytes that come next are. */
type Next =
  | { readonly kind: 'header' }
  | { readonly kind: 'sparse-map'; readonly name: string; readonly size: number }
  | { readonly kind: 'body' | 'extension'; readonly name: string; readonly type: string; readonly size: number };

export class TarParser {
  readonly #maxMemberBytes: number;
  readonly #onBad: (fault: TarFault, name: string) => void;
  readonly #onEntry: ((entry: TarEntry) => void) | undefined;
  /** Bytes of a header or body that are waiting for the rest. */
  #partial: Buffer = Buffer.alloc(0);
  #partialFill = 0;
  #skip = 0;
  /** Of what is being skipped, the name, and how many of the last bytes are padding. */
  #skipped = '';
  #skipPadding = 0;
  #next: Next = { kind: 'header' };
  #offset = 0;
  #zeroBlocks = 0;
  #lost = false;
  #extension: Extension = {};
  #global: Extension = {};

  constructor({ maxMemberBytes = 256 << 20, onBad = () => {}, onEntry }: TarOptions = {}) {
    this.#maxMemberBytes = maxMemberBytes;
    this.#onBad = onBad;
    this.#onEntry = onEntry;
  }

  /** True once two zero blocks have ended the archive: what follows is ignored. */
  get ended(): boolean {
    return this.#zeroBlocks >= 2;
  }

  /**
   * Takes the archive's next bytes and returns the members they complete. A body that lies whole in `chunk` is a view
   * of it, so a chunk must not be written to again.
   */
  push(chunk: Buffer): TarMember[] {
    const members: TarMember[] = [];
    let at = 0;
    while (at < chunk.length && !this.ended) {
      if (this.#skip > 0) {
        const step = Math.min(this.#skip, chunk.length - at);
        this.#skip -= step;
        this.#offset += step;
        at += step;
        continue;
      }
      const want = this.#next.kind === 'header' || this.#next.kind === 'sparse-map' ? blockBytes : this.#next.size;
      let bytes: Buffer;
      if (this.#partialFill === 0 && chunk.length - at >= want) {
        bytes = chunk.subarray(at, at + want);
        at += want;
      } else {
        if (this.#partialFill === 0) this.#partial = Buffer.allocUnsafeSlow(want);
        const step = Math.min(want - this.#partialFill, chunk.length - at);
        chunk.copy(this.#partial, this.#partialFill, at, at + step);
        this.#partialFill += step;
        at += step;
        if (this.#partialFill < want) break;
        bytes = this.#partial;
        this.#partialFill = 0;
        this.#partial = Buffer.alloc(0);
      }
      const offset = this.#offset;
      this.#offset += want;
      this.#take(bytes, offset, members);
    }
    return members;
  }

  /** Passes over bytes that are of no use, at most `available`, and returns how many: the caller may seek behind them. */
  passOver(available: number): number {
    const step = Math.min(this.#skip, available);
    this.#skip -= step;
    this.#offset += step;
    return step;
  }

  /** Says that the archive has no more bytes; a member that was begun is reported as cut. */
  end(): void {
    if (this.ended) return;
    if (this.#next.kind === 'header' && this.#partialFill > 0 && !this.#lost) this.#onBad('cut-in-header', '');
    else if (this.#next.kind === 'body' || this.#next.kind === 'extension') this.#onBad('cut-in-body', this.#next.name);
    else if (this.#skip > this.#skipPadding) this.#onBad('cut-in-body', this.#skipped);
  }

  #take(bytes: Buffer, offset: number, members: TarMember[]): void {
    const next = this.#next;
    switch (next.kind) {
      case 'header':
        this.#header(bytes, offset, members);
        return;
      case 'sparse-map':
        if (bytes[504] !== 0) return;
        this.#next = { kind: 'header' };
        this.#skipBad('sparse-file', next.name, next.size);
        return;
      case 'extension':
        this.#readExtension(next.type, bytes);
        break;
      case 'body':
        members.push({ name: next.name, offset, bytes });
    }
    this.#next = { kind: 'header' };
    this.#skip = paddingBytes(next.size);
    this.#skipPadding = this.#skip;
  }

  #header(block: Buffer, offset: number, members: TarMember[]): void {
    if (block[0] === 0 && block.equals(zeroBlock)) {
      this.#zeroBlocks += 1;
      return;
    }
    this.#zeroBlocks = 0;
    if (octal(block, 148, 8) !== headerChecksum(block)) {
      // Nothing says where the next member starts: look for it block by block, and report once.
      if (!this.#lost) this.#onBad('bad-header', '');
      this.#lost = true;
      return;
    }
    this.#lost = false;
    const type = String.fromCharCode(block[156]!);
    const plainSize = number(block, 124, 12);
    const isExtension = type === 'x' || type === 'g' || type === 'L' || type === 'K';
    const { path, size = plainSize, sparse = false } = isExtension ? {} : { ...this.#global, ...this.#extension };
    if (!isExtension) this.#extension = {};
    const name = path ?? plainName(block);
    if (!Number.isSafeInteger(size) || size < 0) {
      this.#onBad('bad-size', name);
      this.#lost = true;
      return;
    }
    if (isExtension) {
      if (size > maxExtensionBytes) this.#skipBad('member-too-large', name, size);
      else if (size > 0) this.#next = { kind: 'extension', name, type, size };
      return;
    }
    if (type === '5') {
      this.#passBy(name, size);
      return;
    }
    if (type === 'S' || sparse) {
      // More blocks of the map may come before the data.
      if (type === 'S' && block[482] !== 0) this.#next = { kind: 'sparse-map', name, size };
      else this.#skipBad('sparse-file', name, size);
      return;
    }
    if (type !== '0' && type !== '\0' && type !== '7') {
      const hasBody = type !== '1' && type !== '2' && type !== '3' && type !== '4' && type !== '6';
      this.#skipBad('not-a-file', name, hasBody ? size : 0);
      return;
    }
    if (!isSafeName(name)) this.#skipBad('unsafe-name', name, size);
    else if (this.#onEntry !== undefined) {
      this.#onEntry({ name, offset: offset + blockBytes, byteLength: size });
      this.#passBy(name, size);
    } else if (size > this.#maxMemberBytes) this.#skipBad('member-too-large', name, size);
    else if (size === 0) members.push({ name, offset: offset + blockBytes, bytes: Buffer.alloc(0) });
    else this.#next = { kind: 'body', name, type, size };
  }

  #skipBad(fault: TarFault, name: string, size: number): void {
    this.#onBad(fault, name);
    this.#passBy(name, size);
  }

  #passBy(name: string, size: number): void {
    this.#skipped = name;
    this.#skipPadding = paddingBytes(size);
    this.#skip = size + this.#skipPadding;
  }

  #readExtension(type: string, bytes: Buffer): void {
    if (type === 'L') this.#extension.path = untilNul(bytes);
    else if (type === 'x') Object.assign(this.#extension, paxRecords(bytes));
    else if (type === 'g') Object.assign(this.#global, paxRecords(bytes));
  }
}

const zeroBlock = Buffer.alloc(blockBytes);

/** Relative, without `..`, without NUL or backslash: stays below the folder that it is written to. A key may have a colon. */
export function isSafeName(name: string): boolean {
  return name !== '' && !name.startsWith('/') && !/[\0\\]/.test(name) && !name.split('/').some((p) => p === '..');
}
