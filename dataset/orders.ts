/**
 * What other processes make in place of this one: each thing is asked for under a name and the hash of its plan. The plan, and what is made of
 * it, are blobs whose keys begin with both, so that two plans of one thing do not meet.
 */
import { dirname } from 'node:path';
import { AtomicFile, type FileDigest } from './atomic-file.ts';
import type { Blobs } from './blobs/blobs.ts';
import { blobChunks } from './blobs/chunks.ts';
import { makeFolder } from './make-folder.ts';

export interface Order {
  /** `train/00000`. */
  readonly name: string;
  /** A hash: another one for another content. */
  readonly plan: string;
}

/** Who makes what is asked for. */
export interface Others {
  /** Where plans, and what is made of them, are put. Nobody else's is there. */
  readonly orders: Blobs;
  /** Before anything is put there: what is taken down later has to be found. */
  begin(): void;
  /** Asks for exactly these. */
  ask(orders: readonly Order[]): Promise<void>;
  /** Some of these that are made and not settled; waits until there are any. Throws where one cannot be made, or is asked for no more. */
  made(): Promise<readonly Order[]>;
  /** One of them was taken over, or is not there and is to be made again. */
  settle(order: Order, what: 'taken' | 'again'): Promise<void>;
  /** All are taken over. */
  end(): Promise<void>;
}

/** What all keys of an order begin with. */
export const prefixOf = ({ name, plan }: Order): string => `${name}.${plan.slice(0, 16)}`;

/** Removes everything of an order. */
export const removeOrder = (orders: Blobs, order: Order, signal?: AbortSignal): Promise<void> =>
  removeAll(orders, prefixOf(order), signal);

/** Removes everything whose key begins so. */
export async function removeAll(blobs: Blobs, prefix: string, signal?: AbortSignal): Promise<void> {
  const keys: string[] = [];
  for await (const { key } of blobs.list(prefix, signal)) keys.push(key);
  await blobs.remove(keys, signal);
}

/** Brings a blob to a file, whole or not at all. Null where there is none. */
export async function fetchFile(
  blobs: Blobs,
  key: string,
  path: string,
  signal?: AbortSignal,
): Promise<FileDigest | null> {
  const reader = await blobs.open(key, signal);
  if (reader === null) return null;
  makeFolder(dirname(path));
  const file = new AtomicFile(path);
  try {
    for await (const chunk of blobChunks(reader, { signal })) file.write([chunk]);
  } catch (error) {
    file.abandon();
    throw error;
  }
  return file.commit();
}
