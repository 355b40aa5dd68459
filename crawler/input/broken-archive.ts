/** Where and why the rest of a compressed file cannot be read. */
import type { ByteReader } from './byte-reader.ts';

export type Break = 'cut' | 'damaged' | 'no-dictionary' | 'window-too-large' | 'no-more-records';

/** The rest of a file cannot be read: it ends within a member, or what is there is no member. */
export class BrokenArchive extends Error {
  override readonly name = 'BrokenArchive';
  readonly reason: Break;
  /** Where the member begins in the file. */
  readonly memberOffset: number;

  constructor(reason: Break, memberOffset: number) {
    super(`${reason} in the member at byte ${memberOffset}`);
    this.reason = reason;
    this.memberOffset = memberOffset;
  }
}

export type Broken = (reason: Break) => BrokenArchive;

/** Reads one member from its first byte to its last; its content comes as it is decoded. */
export type Member = (input: ByteReader, memberOffset: number) => AsyncGenerator<Buffer>;

/** For a person: why the rest of a file was not read. */
export function tellBreak({ reason, memberOffset }: Pick<BrokenArchive, 'reason' | 'memberOffset'>): string {
  const at = `byte ${memberOffset.toLocaleString('en')}`;
  switch (reason) {
    case 'cut':
      return `it is cut in the part that begins at ${at}`;
    case 'damaged':
      return `it is damaged in the part that begins at ${at}`;
    case 'no-dictionary':
      return `what begins at ${at} was compressed with a dictionary that the file does not have`;
    case 'window-too-large':
      return `what begins at ${at} takes more than 128 MiB to decompress`;
    case 'no-more-records':
      return `no record follows ${at}`;
  }
}
