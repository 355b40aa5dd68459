/**
 * What an error of S3 means for who runs the command: one line. Errors of the client hold keys and what was signed, so nothing of them
 * but their name and status is told.
 */
import { UserError } from '../user-error.ts';
import { isPassing, statusOf } from './s3-retry.ts';

interface S3Error {
  readonly name?: unknown;
  readonly code?: unknown;
  readonly message?: unknown;
  /** Of an answer with another region. */
  readonly Region?: unknown;
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
}

/** By S3's error code: what was expected, and what to do. */
const meanings: Readonly<Record<string, readonly [expectation: string, advice: string]>> = {
  NoSuchBucket: ['a bucket that is there', 'make it, or check its name, AWS_REGION and AWS_ENDPOINT_URL'],
  NoSuchKey: ['an object that is there', 'check its name'],
  NoSuchUpload: [
    'an upload that nobody ended',
    'only one machine at a time may write there; run the same command again',
  ],
  InvalidAccessKeyId: ['an access key that the server knows', 'check AWS_ACCESS_KEY_ID or the profile'],
  SignatureDoesNotMatch: ['the secret of the access key', 'check AWS_SECRET_ACCESS_KEY or the profile'],
  AccessDenied: [
    'credentials that may do this',
    'allow reading, listing and, for what is written, writing and removing',
  ],
  ExpiredToken: ['credentials that are still good', 'log in again'],
  InvalidToken: ['a session token that the server knows', 'check AWS_SESSION_TOKEN'],
  PermanentRedirect: ['the region of the bucket', 'set AWS_REGION'],
  AuthorizationHeaderMalformed: ['the region of the bucket', 'set AWS_REGION'],
  CredentialsProviderError: [
    'credentials for S3',
    'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or a role of the machine',
  ],
  InvalidBucketName: ['a name that a bucket may have', 'check it'],
  EntityTooLarge: ['an object as large as S3 takes', 'write smaller shards'],
  QuotaExceeded: ['room in the bucket', 'make room, and run the same command again'],
};

/** The same status without a code: the answer to a HEAD has no body. */
const byStatus: Readonly<Record<number, string>> = { 301: 'PermanentRedirect', 403: 'AccessDenied', 404: 'NoSuchKey' };

/** One line for an error about the object or place of this name; a UserError stays what it is. */
export function toUserError(error: unknown, name: string): Error {
  if (error instanceof UserError) return error;
  const { name: own, code: ownCode, message, Region, $response } = error as S3Error;
  const status = statusOf(error);
  const code = typeof own === 'string' && (own in meanings || status === null) ? own : (byStatus[status ?? 0] ?? own);
  const aheadMs = Date.now() - new Date($response?.headers?.date ?? Number.NaN).getTime();
  // The answer to a HEAD does not say why it refuses.
  if (own === 'RequestTimeTooSkewed' || (status === 403 && Math.abs(aheadMs) > maxSkewMs))
    return clockFault(aheadMs, name);
  if (status === 412) {
    return new UserError(
      `Expected ${name} as it was when it was opened but it was written anew meanwhile; run the same command again.`,
      { exitCode: 1 },
    );
  }
  const [expectation, advice] = meanings[String(code)] ?? [];
  if (expectation !== undefined) {
    const region = typeof Region === 'string' ? ` (it is ${Region})` : '';
    return new UserError(`Expected ${expectation} for ${name} but received ${code}${region}; ${advice}.`);
  }
  if (/^Region (is missing|not accepted)/.test(String(message))) {
    return new UserError(`Expected a region for ${name} but there is none; set AWS_REGION, or AWS_ENDPOINT_URL.`);
  }
  const told = [ownCode ?? own, status].filter((one) => one !== null && one !== undefined && one !== '').join(', ');
  if (isPassing(error)) {
    const line = `Expected an answer of S3 for ${name} but received none that is whole (${told}); what was written is whole: run the same command again when the server is there, or check AWS_ENDPOINT_URL.`;
    return new UserError(line, { exitCode: 1 });
  }
  // What is thrown by code and not by a server is a fault of ours, with its stack.
  if (status === null && !(typeof ownCode === 'string')) return error as Error;
  return new UserError(`Expected that S3 does what is asked for ${name} but received ${told}; check the server.`);
}

/** S3's: requests whose time is further from the server's are refused. */
const maxSkewMs = 15 * 60_000;

function clockFault(aheadMs: number, name: string): UserError {
  const minutes = Math.round(Math.abs(aheadMs) / 60_000);
  const off = Number.isNaN(minutes) ? 'too far off' : `${minutes} minutes ${aheadMs > 0 ? 'ahead' : 'behind'}`;
  return new UserError(
    `Expected a clock that agrees with the server's for ${name} but this machine's is ${off} (RequestTimeTooSkewed); set it, as by NTP.`,
  );
}
