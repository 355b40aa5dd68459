/**
 * A CLIP or SigLIP from the Hugging Face hub, into the cache once: `hf://OWNER/NAME[@REVISION]`, the addresses of
 * huggingface_hub's file system. `HF_ENDPOINT` and `HF_TOKEN` mean what they mean there.
 */
import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { expected } from '../../dataset/user-error.ts';
import { defaultCacheDir, type EnsureOptions, removeAbandoned, workFolder } from '../formats/cache.ts';
import { clipFiles } from './clip.ts';

export const hubScheme = 'hf://';
const address = /^hf:\/\/([\w-][\w.-]*\/[\w-][\w.-]*)(?:@([\w-][\w.-]*))?$/;

/** The folder of the model in the cache. Throws a UserError for another address, and where the hub does not give a file. */
export async function ensureHubModel(name: string, options: EnsureOptions = {}): Promise<string> {
  const { cacheDir = defaultCacheDir(), onProgress, signal } = options;
  const [, repository, revision = 'main'] = address.exec(name) ?? [];
  if (!repository) throw expected('hf://OWNER/NAME', 'relevance', name, 'write it so, with @REVISION if you like');
  const folder = join(cacheDir, 'hub', `${repository.replace('/', '--')}@${revision}`);
  if (existsSync(folder)) return folder;
  await mkdir(dirname(folder), { recursive: true });
  await removeAbandoned(cacheDir);
  const work = await workFolder(cacheDir);
  const endpoint = (process.env.HF_ENDPOINT || 'https://huggingface.co').replace(/\/$/, '');
  const token = process.env.HF_TOKEN;
  try {
    for (const file of clipFiles) {
      const url = `${endpoint}/${repository}/resolve/${revision}/${file}`;
      const response = await fetch(url, {
        ...(token && { headers: { authorization: `Bearer ${token}` } }),
        ...(signal && { signal }),
      }).catch((error: Error) => {
        if (signal?.aborted) throw error;
        const cause = error.cause as NodeJS.ErrnoException | undefined;
        throw expected('the hub to answer', url, cause?.code ?? error.message, 'copy the folder here and name it');
      });
      if (!response.ok || !response.body) {
        throw expected(
          'a file of an ONNX CLIP or SigLIP',
          url,
          `HTTP ${response.status}`,
          'choose a model that has it',
        );
      }
      const downloadBytes = Number(response.headers.get('content-length') ?? 0);
      onProgress?.({ package: `${repository}/${file}`, step: 'download', downloadBytes });
      await mkdir(dirname(join(work, file)), { recursive: true });
      await pipeline(Readable.fromWeb(response.body as never), createWriteStream(join(work, file)));
    }
    await rename(work, folder).catch((error: unknown) => {
      // Another process was faster.
      if (!existsSync(folder)) throw error;
    });
    onProgress?.({ package: repository, step: 'ready', downloadBytes: 0 });
    return folder;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
