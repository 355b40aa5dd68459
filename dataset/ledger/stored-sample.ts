/** A sample as the ledger knows it: its measurements, and where its bytes lie in `raw/`. */
import type { Sample } from '../pair.ts';
import type { Resized } from './records.ts';

/** A downloaded sample and where its bytes lie in `raw/`, the original ones or a smaller JPEG. */
export interface StoredSample extends Sample {
  /** 1 for a still image. */
  readonly frames: number;
  readonly segment: number;
  readonly offset: number;
  /** Null where the bytes are the original ones. */
  readonly resized?: Resized | null;
}
/** The columns of a stored sample that the table of images (`i`) has. */
export const imageColumns = `i.format, i.width, i.height, i.frames, i.byte_length AS byteLength, i.sha256, i.phash,
  i.segment, i.offset, i.resized`;
