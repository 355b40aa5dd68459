/**
 * Files larger than a part go to S3 in parts: a part that fails is sent again alone, and the object is seen when all are there. What a
 * killed writer has left of an upload is seen by nobody, is paid for, and is swept.
 */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandInput,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import PQueue from 'p-queue';
import { UserError } from '../user-error.ts';
import { retried, statusOf } from './s3-retry.ts';

/** A file of more bytes goes in parts. Ours: S3 asks for 5 MiB or more, and four parts of 16 MiB in memory fill a network of 1 Gbit/s. */
export const partBytes = 16 << 20;
const partsAtOnce = 4;
/** S3's: no upload has more parts. */
const maxParts = 10_000;

interface Upload {
  readonly client: S3Client;
  readonly Bucket: string;
  readonly Key: string;
  readonly path: string;
  readonly headers: { readonly IfNoneMatch?: string; readonly IfMatch?: string };
  readonly signal: AbortSignal | undefined;
}

/** Puts a file and gives the object's ETag. What fails leaves no parts behind, as far as the server can be asked. */
export async function putInParts({ client, Bucket, Key, path, headers, signal }: Upload): Promise<string> {
  const at = { Bucket, Key };
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const each = bytesOfPart(size);
    const { UploadId } = await retried(
      (abortSignal) => client.send(new CreateMultipartUploadCommand(at), { abortSignal }),
      signal,
    );
    try {
      const send = async (part: number) => {
        const from = (part - 1) * each;
        const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(each), 0, Math.min(each, size - from), from);
        if (bytesRead < Math.min(each, size - from))
          throw new UserError(`${path} became shorter while it was read; write it again.`);
        const one = { ...at, UploadId, PartNumber: part, Body: buffer.subarray(0, bytesRead) };
        const { ETag = '' } = await retried(
          (abortSignal) => client.send(new UploadPartCommand(one), { abortSignal }),
          signal,
        );
        return { PartNumber: part, ETag };
      };
      const queue = new PQueue({ concurrency: partsAtOnce });
      const parts = Array.from({ length: Math.ceil(size / each) }, (_, index) => () => send(index + 1));
      const Parts = await queue.addAll(parts).finally(() => queue.clear());
      const whole = { ...at, UploadId, MultipartUpload: { Parts }, ...headers };
      return await retried(async (abortSignal, attempt) => {
        try {
          return (await client.send(new CompleteMultipartUploadCommand(whole), { abortSignal })).ETag ?? '';
        } catch (error) {
          // The answer to an attempt before was lost: the upload is over because it has succeeded.
          if (attempt === 1 || ![404, 412].includes(statusOf(error) ?? 0)) throw error;
          const { ETag } = await client.send(new HeadObjectCommand(at), { abortSignal });
          if (ETag !== tagOfParts(Parts)) throw error;
          return ETag;
        }
      }, signal);
    } catch (error) {
      await client.send(new AbortMultipartUploadCommand({ ...at, UploadId })).catch(() => {});
      throw error;
    }
  } finally {
    await file.close();
  }
}

const bytesOfPart = (size: number): number => Math.max(partBytes, Math.ceil(size / maxParts));

/** The ETag that a file has where it was put by us and the server makes it of MD5, as all do but for what they encrypt by KMS. */
export async function tagOfFile(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const each = bytesOfPart(size);
    const piece = Buffer.allocUnsafe(Math.min(each, size));
    const parts = [];
    for (let from = 0; from < size || parts.length === 0; from += each) {
      const { bytesRead } = await file.read(piece, 0, Math.min(each, size - from), from);
      parts.push({ ETag: createHash('md5').update(piece.subarray(0, bytesRead)).digest('hex') });
    }
    return size <= partBytes ? `"${parts[0]!.ETag}"` : tagOfParts(parts);
  } finally {
    await file.close();
  }
}

/** The ETag that S3 gives to an object of parts: a hash of their hashes, and their number. */
function tagOfParts(parts: readonly { readonly ETag: string }[]): string {
  const hash = createHash('md5');
  for (const { ETag } of parts) hash.update(Buffer.from(ETag.replaceAll('"', ''), 'hex'));
  return `"${hash.digest('hex')}-${parts.length}"`;
}

/** Ends the uploads below a prefix that began more than so long ago, and gives how many there were. */
export async function abortUploads({
  client,
  Bucket,
  Prefix,
  olderThanMs,
  signal,
}: {
  readonly client: S3Client;
  readonly Bucket: string;
  readonly Prefix: string;
  readonly olderThanMs: number;
  readonly signal: AbortSignal | undefined;
}): Promise<number> {
  let swept = 0;
  for (let page: ListMultipartUploadsCommandInput | undefined = { Bucket, Prefix }; page !== undefined; ) {
    const listed: ListMultipartUploadsCommandInput = page;
    const {
      Uploads = [],
      IsTruncated,
      NextKeyMarker,
      NextUploadIdMarker,
    } = await retried((abortSignal) => client.send(new ListMultipartUploadsCommand(listed), { abortSignal }), signal);
    for (const { Key, UploadId, Initiated } of Uploads) {
      const isOld = Initiated !== undefined && Date.now() - Initiated.getTime() >= olderThanMs;
      // Not every server heeds the prefix.
      if (!isOld || !Key?.startsWith(Prefix)) continue;
      const upload = { Bucket, Key, UploadId };
      await retried((abortSignal) => client.send(new AbortMultipartUploadCommand(upload), { abortSignal }), signal);
      swept += 1;
    }
    page = IsTruncated ? { Bucket, Prefix, KeyMarker: NextKeyMarker, UploadIdMarker: NextUploadIdMarker } : undefined;
  }
  return swept;
}
