/**
 * A place where bytes lie: a folder as the system names it, or `s3://BUCKET/PREFIX`. Both have `/` between the parts of what lies in
 * them; a path of Node's would make one slash of two.
 */
import { basename, dirname, join } from 'node:path';
import { expected } from '../user-error.ts';

/** Whether a place is in S3. */
export const isS3 = (place: string): boolean => /^s3:\/\//i.test(place);

/** The place of something in a place: `within('s3://birds/shards', 'train', '00000.tar')`. */
export const within = (place: string, ...parts: readonly string[]): string =>
  isS3(place) ? [withoutSlash(place), ...parts].join('/') : join(place, ...parts);

/** The last part of a place, without what comes before it. */
export const lastPart = (place: string): string => basename(isS3(place) ? withoutSlash(place) : join(place, '.'));

/** The place that this one lies in. A bucket lies in none: itself is given back. */
export function parentOf(place: string): string {
  if (!isS3(place)) return dirname(join(place, '.'));
  const whole = withoutSlash(place);
  const end = whole.lastIndexOf('/');
  return end < scheme.length ? whole : whole.slice(0, end);
}

const scheme = 's3://';

function withoutSlash(place: string): string {
  let end = place.length;
  while (end > scheme.length && place[end - 1] === '/') end -= 1;
  return place.slice(0, end);
}

/** A bucket, and what the keys of everything in the place begin with: '' or something that ends in `/`. */
export interface S3Place {
  readonly bucket: string;
  readonly prefix: string;
}

/** Throws a UserError for what names no bucket. Credentials have no place in it, and are not repeated. */
export function parseS3(place: string): S3Place {
  const [, bucket = '', path = ''] = /^s3:\/\/([^/]*)(?:\/(.*))?$/is.exec(place) ?? [];
  if (/[@:]/.test(bucket)) {
    throw expected('s3://BUCKET/PREFIX', 'the place', 'one with credentials', 'give these as AWS_* variables say');
  }
  if (!/^[a-z0-9][\w.-]{1,253}[a-z0-9]$/i.test(bucket) || /[?#]/.test(path)) {
    throw expected('s3://BUCKET/PREFIX', 'the place', place, 'name a bucket');
  }
  const parts = path.split('/').filter((part) => part !== '');
  if (parts.some((part) => part === '.' || part === '..'))
    throw expected('s3://BUCKET/PREFIX', 'the place', place, 'leave out the dots');
  return { bucket, prefix: parts.map((part) => `${part}/`).join('') };
}
