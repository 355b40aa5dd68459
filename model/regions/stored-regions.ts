/**
 * Regions read straight into a batch. Of the columns of a picture, the halves of its features are nearly all; they go from the file to
 * their place in the batch's array, and are neither looked at nor copied on the way. That they can be used was seen when their picture was
 * first met (`regionsOf`).
 */
import { membersIn, type PictureColumns } from '../../dataset/shards/picture-columns.ts';
import { UserError } from '../../dataset/user-error.ts';
import { decodeNpy, npyHeader } from '../formats/npy.ts';
import { columnFields } from './columns.ts';
import type { Regions } from './region.ts';

/** Where the halves of a picture's features lie. */
export interface FeaturesPlace {
  /** Of the first half, behind the beginning of the picture's members. All other members lie before. */
  readonly at: number;
  /** R, of all that the columns have. */
  readonly count: number;
}

/** Finds them in a picture's members; null where the features are no halves, or not the last member. */
export function featuresPlace(members: Buffer, sha256: string): FeaturesPlace | null {
  let place: FeaturesPlace | null = null;
  const names: string[] = [];
  for (const { name, at } of membersIn(members, sha256)) {
    names.push(name);
    if (name !== columnFields[3]) continue;
    const { type, shape, start } = npyHeader(members.subarray(at));
    if (type === 'f2') place = { at: at + start, count: shape[0] ?? 0 };
  }
  return names.join() === columnFields.join() ? place : null;
}

/**
 * The first regions of a picture, as many as `target` [count, D] has room for, with their features there. Throws a UserError where the
 * columns no longer have what they had when `place` was found.
 */
export async function readRegionsInto(
  columns: PictureColumns,
  sha256: string,
  { at, count }: FeaturesPlace,
  target: Uint16Array,
): Promise<Regions> {
  const bytes = new Uint8Array(target.buffer, target.byteOffset, target.byteLength);
  const [head, isRead] = await Promise.all([columns.head(sha256, at), columns.readInto(sha256, at, bytes)]);
  const found = isRead && head !== null ? featuresPlace(head, sha256) : null;
  if (head === null || found?.at !== at || found.count !== count) {
    throw new UserError(
      `Expected the features of the picture ${sha256} as they were when the run began but they are others; start the run again.`,
    );
  }
  const values = [...membersIn(head, sha256)].slice(0, 3).map((member) => {
    return decodeNpy(head.subarray(member.at, member.at + member.byteLength)).values;
  });
  const [boxes, labels, confidences] = values as [Float32Array, Int32Array, Float32Array];
  const D = npyHeader(head.subarray([...membersIn(head, sha256)][3]!.at)).shape[1]!;
  const kept = target.length / D;
  return {
    boxes: boxes.subarray(0, kept * 4),
    labels: labels.subarray(0, kept),
    confidences: confidences.subarray(0, kept),
    features: target,
  };
}
