/**
 * Blobs in S3 or what speaks its language. Credentials, region and endpoint are those of AWS' own tools: `AWS_*` variables, profiles, roles
 * of the machine. One client serves the whole process.
 */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import {
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { type BlobFacts, type BlobReader, type Blobs, checkKey, type ListedBlob, type PutCondition } from './blobs.ts';
import { parseS3 } from './place.ts';
import { toUserError } from './s3-faults.ts';
import { CutShort, retried, statusOf } from './s3-retry.ts';
import { abortUploads, partBytes, putInParts, tagOfFile } from './s3-upload.ts';

/** S3's: one request removes no more keys. */
const maxRemoved = 1000;

let shared: S3Client | undefined;

/** The client of this process; made again in each worker thread. */
function client(): S3Client {
  if (shared !== undefined) return shared;
  // On Node.js 20 the client would tell of its next versions, which the lock file keeps away.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  const { AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_S3, AWS_REGION, AWS_DEFAULT_REGION } = process.env;
  const isOther = (AWS_ENDPOINT_URL_S3 || AWS_ENDPOINT_URL || '') !== '';
  // Set to nothing is not set, for the client's own search in profiles too.
  if (AWS_REGION === '') delete process.env.AWS_REGION;
  // Servers that are not Amazon's have no regions, and want the bucket in the path in place of the host name.
  const region = AWS_REGION || AWS_DEFAULT_REGION || (isOther ? 'us-east-1' : undefined);
  shared = new S3Client({
    ...(region !== undefined && { region }),
    forcePathStyle: isOther,
    followRegionRedirects: true,
    // `retried` does it, for bodies that break off too.
    maxAttempts: 1,
  });
  return shared;
}

/** Opens `s3://BUCKET/PREFIX`; asks nothing of the network. */
export function s3Blobs(place: string): Blobs {
  const { bucket, prefix } = parseS3(place);
  const at = (key: string) => {
    checkKey(key);
    return { Bucket: bucket, Key: prefix + key };
  };
  const nameOf = (key: string): string => `s3://${bucket}/${prefix}${key}`;
  /** Asks until there is an answer, or a fault that stays, which is thrown as one line. */
  const ask = <T>(work: (signal: AbortSignal) => Promise<T>, name: string, signal: AbortSignal | undefined) =>
    retried(work, signal).catch((error: unknown) => {
      signal?.throwIfAborted();
      throw toUserError(error, name);
    });

  const facts = async (key: string, signal?: AbortSignal): Promise<BlobFacts | null> => {
    const send = (own: AbortSignal) => client().send(new HeadObjectCommand(at(key)), { abortSignal: own });
    try {
      const { ContentLength = 0, ETag = '' } = await retried(send, signal);
      return { key, byteLength: ContentLength, version: ETag };
    } catch (error) {
      signal?.throwIfAborted();
      if (statusOf(error) === null) throw toUserError(error, nameOf(key));
      // An answer to HEAD has no body that says why. That of a list has one, or there is nothing wrong with the bucket.
      const listed = await list(key, signal).next();
      if (statusOf(error) === 404 && (listed.done || listed.value.key !== key)) return null;
      throw toUserError(error, nameOf(key));
    }
  };

  async function* list(below = '', signal?: AbortSignal): AsyncGenerator<ListedBlob> {
    for (let token: string | undefined; ; ) {
      const page = { Bucket: bucket, Prefix: prefix + below, ...(token !== undefined && { ContinuationToken: token }) };
      const send = (own: AbortSignal) => client().send(new ListObjectsV2Command(page), { abortSignal: own });
      const { Contents = [], NextContinuationToken, IsTruncated } = await ask(send, nameOf(below), signal);
      for (const { Key = '', Size = 0, ETag = '', LastModified } of Contents) {
        // A "folder" that a console made.
        if (Key.endsWith('/')) continue;
        const key = Key.slice(prefix.length);
        yield { key, byteLength: Size, version: ETag, writtenAtMs: LastModified?.getTime() ?? Date.now() };
      }
      if (!IsTruncated || NextContinuationToken === undefined) return;
      token = NextContinuationToken;
    }
  }

  const open = async (key: string, signal?: AbortSignal): Promise<BlobReader | null> => {
    const opened = await facts(key, signal);
    if (opened === null) return null;
    return {
      ...opened,
      read: async (offset, byteLength, own) => {
        const wanted = Math.max(0, Math.min(byteLength, opened.byteLength - offset));
        if (wanted === 0) return Buffer.alloc(0);
        const range = { Range: `bytes=${offset}-${offset + wanted - 1}`, IfMatch: opened.version };
        const send = async (abortSignal: AbortSignal) => {
          const { Body } = await client().send(new GetObjectCommand({ ...at(key), ...range }), { abortSignal });
          return bodyOf(Body as AsyncIterable<Uint8Array>, wanted);
        };
        return ask(send, nameOf(key), own);
      },
      close: async () => {},
    };
  };

  /** Null where the condition of a put was not met. */
  const underCondition = async (
    key: string,
    send: () => Promise<string>,
    {
      condition,
      byteLength,
      signal,
    }: { condition: PutCondition | undefined; byteLength: number; signal: AbortSignal | undefined },
  ): Promise<BlobFacts | null> => {
    try {
      return { key, byteLength, version: await send() };
    } catch (error) {
      signal?.throwIfAborted();
      if (condition !== undefined && statusOf(error) === 412) return null;
      // Over a version of what is not there any more.
      const isGone = condition !== undefined && 'ifVersion' in condition && statusOf(error) === 404;
      if (isGone && (await facts(key, signal)) === null) return null;
      throw toUserError(error, nameOf(key));
    }
  };

  return {
    place,
    facts,
    open,
    list,
    async put(key, bytes, { condition, signal } = {}) {
      const put = { ...at(key), Body: bytes, ...headersOf(condition) };
      const send = () =>
        retried(async (abortSignal, attempt) => {
          try {
            return (await client().send(new PutObjectCommand(put), { abortSignal })).ETag ?? '';
          } catch (error) {
            // The answer to an attempt before was lost: what stands there now is of this put.
            const isOwn =
              attempt > 1 && statusOf(error) === 412 && (await facts(key, signal))?.version === md5Tag(bytes);
            if (isOwn) return md5Tag(bytes);
            throw error;
          }
        }, signal);
      return underCondition(key, send, { condition, byteLength: bytes.byteLength, signal });
    },
    async putFile(key, path, { condition, signal } = {}) {
      const { size } = statSync(path);
      if (size <= partBytes) return this.put(key, readFileSync(path), { ...(condition && { condition }), signal });
      const send = () => putInParts({ client: client(), ...at(key), path, headers: headersOf(condition), signal });
      return underCondition(key, send, { condition, byteLength: size, signal });
    },
    holds: async ({ byteLength, version }, path) =>
      statSync(path).size === byteLength && version === (await tagOfFile(path)),
    async remove(keys, signal) {
      for (let from = 0; from < keys.length; from += maxRemoved) {
        const Objects = keys.slice(from, from + maxRemoved).map((key) => ({ Key: at(key).Key }));
        const command = () => new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } });
        const send = (abortSignal: AbortSignal) => client().send(command(), { abortSignal });
        const { Errors = [] } = await ask(send, nameOf(''), signal);
        const [first] = Errors;
        if (first !== undefined) throw toUserError({ name: first.Code ?? 'unknown' }, nameOf(''));
      }
    },
    sweep: ({ olderThanMs, signal }) =>
      abortUploads({ client: client(), Bucket: bucket, Prefix: prefix, olderThanMs, signal }).catch(
        (error: unknown) => {
          signal?.throwIfAborted();
          throw toUserError(error, nameOf(''));
        },
      ),
  };
}

const headersOf = (condition: PutCondition | undefined): { IfNoneMatch?: string; IfMatch?: string } => {
  if (condition === undefined) return {};
  return 'ifAbsent' in condition ? { IfNoneMatch: '*' } : { IfMatch: condition.ifVersion };
};

/** The ETag of what was put in one piece, where the server has no other idea of it. */
const md5Tag = (bytes: Uint8Array): string => `"${createHash('md5').update(bytes).digest('hex')}"`;

/** The body of an answer in a buffer of its own. Throws where it is not as long as it was asked for. */
async function bodyOf(body: AsyncIterable<Uint8Array>, wanted: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(wanted);
  let received = 0;
  for await (const chunk of body) {
    if (received + chunk.length > wanted) throw new CutShort('more bytes than were asked for');
    bytes.set(chunk, received);
    received += chunk.length;
  }
  if (received < wanted) throw new CutShort(`${received} of ${wanted} bytes`);
  return bytes;
}
