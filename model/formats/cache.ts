/**
 * The folder outside the project where downloads are kept: pretrained files, ONNX's runtime, models from the hub. Each is prepared in a
 * folder of its own and appears by one rename, so that what is there is whole.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

export interface DownloadProgress {
  readonly package: string;
  readonly step: 'download' | 'unpack' | 'check' | 'ready';
  readonly downloadBytes: number;
}

export interface EnsureOptions {
  readonly cacheDir?: string;
  readonly onProgress?: (progress: DownloadProgress) => void;
  readonly signal?: AbortSignal;
}

/** Where downloads are kept: `LAIT_CACHE`, else the user's cache folder. */
export function defaultCacheDir(env: NodeJS.ProcessEnv = process.env): string {
  return env.LAIT_CACHE || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'lait');
}

/** A folder to prepare a download in. If this process is killed, `removeAbandoned` will find it. */
export function workFolder(parent: string): Promise<string> {
  return mkdtemp(join(parent, `.partial-${process.pid}-`));
}

/** Removes the work folders of processes that no longer run. */
export async function removeAbandoned(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const pid = /^\.partial-(\d+)-/.exec(name)?.[1];
    if (pid && !isAlive(Number(pid))) await rm(join(parent, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
