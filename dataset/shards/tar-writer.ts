/** Writes one tar archive of samples: members of a sample adjacent, in the order given, the same bytes every time. */
import { AtomicFile, type FileDigest } from '../atomic-file.ts';
import { endOfArchive, paddingBytes, tarHeader } from './tar-header.ts';

const zeros = Buffer.alloc(512);

export class TarWriter {
  readonly #file: AtomicFile;

  /** The archive appears at `path` when it is committed. */
  constructor(path: string) {
    this.#file = new AtomicFile(path);
  }

  /**
   * Adds the members KEY.FIELD of one sample. Throws a RangeError for a key with a dot: readers take everything after
   * the first dot of a name for the field.
   */
  add(key: string, fields: Readonly<Record<string, Uint8Array>>): void {
    if (key.includes('.')) throw new RangeError(`A sample's key has no dot: ${key}`);
    const pieces: Uint8Array[] = [];
    for (const [field, bytes] of Object.entries(fields)) {
      pieces.push(
        tarHeader(`${key}.${field}`, bytes.byteLength),
        bytes,
        zeros.subarray(0, paddingBytes(bytes.byteLength)),
      );
    }
    this.#file.write(pieces);
  }

  commit(): FileDigest & { readonly md5: string } {
    this.#file.write([endOfArchive]);
    return this.#file.commit();
  }

  abandon(): void {
    this.#file.abandon();
  }
}
