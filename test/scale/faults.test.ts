/** What is wrong with S3 or how it is named is one line without secrets: exit 2 where something must be changed, 1 where the same command will do. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Fault, noS3Server, type S3Server, startS3 } from './s3-server.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-s3-faults-'));
mkdirSync(join(root, 'corpus'));
let server: S3Server | undefined;
before(async () => {
  if (!noS3Server) server = await startS3();
});
after(async () => {
  await server?.close();
  rmSync(root, { recursive: true, force: true });
});

function lait(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number | null; said: string }> {
  return new Promise((resolve, reject) => {
    const options = { cwd: root, env: { ...process.env, ...env } };
    const child = spawn(process.execPath, [join(import.meta.dirname, '../../cli/lait.mjs'), ...args], options);
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (said += data)); // biome-ignore format: one line
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, said }));
  });
}

/** One line, with nothing of what is secret. */
function assertLine(
  { code, said }: { code: number | null; said: string },
  expected: { code: number; line: RegExp },
): void {
  assert.match(said, expected.line);
  assert.equal(said.trim().split('\n').length, 1, said);
  assert.doesNotMatch(said, /lait-test-secret|AKIA|Signature=|Credential=/);
  assert.equal(code, expected.code, said);
}

const importing = (place: string) => ['import', 'webdataset', place, '--corpus', 'corpus'];
const hour = 3_600_000;

describe('a store that does not do what is asked', { skip: noS3Server }, () => {
  const cases: [name: string, place: string, fault: Fault, code: number, line: RegExp][] = [
    ['no bucket', 's3://no-such-bucket/x', () => null, 2, /^lait: Expected a bucket that is there for s3:\/\/no-such-bucket\/x\/ but received NoSuchBucket; make it, or check/],
    ['nothing below the prefix', 's3://birds/nothing', () => null, 2, /^lait: Expected an object, prefix or glob with shards for shards but received s3:\/\/birds\/nothing; check the path\./],
    ['no such object', 's3://birds/nothing/00000.tar', () => null, 2, /^lait: Expected s3:\/\/birds\/nothing\/00000\.tar but there is none; check its name\./],
    ['a wrong key', 's3://birds/x', () => ({ status: 403, code: 'InvalidAccessKeyId' }), 2, /^lait: Expected an access key that the server knows for s3:\/\/birds\/x\/ but received InvalidAccessKeyId; check AWS_ACCESS_KEY_ID or the profile\./],
    ['a wrong secret', 's3://birds/x', () => ({ status: 403, code: 'SignatureDoesNotMatch' }), 2, /Expected the secret of the access key for .* received SignatureDoesNotMatch; check AWS_SECRET_ACCESS_KEY/],
    ['no right to it', 's3://birds/x/0.tar', () => ({ status: 403, code: 'AccessDenied' }), 2, /Expected credentials that may do this for .* received AccessDenied; allow reading/],
    ['a clock that is an hour off', 's3://birds/x', () => ({ status: 403, code: 'RequestTimeTooSkewed', date: new Date(Date.now() + hour) }), 2, /Expected a clock that agrees with the server's for \S+ but this machine's is (59|60) minutes behind \(RequestTimeTooSkewed\); set it, as by NTP\./],
    ['such a clock, where the answer has no body', 's3://birds/x/0.tar', () => ({ status: 403, code: 'RequestTimeTooSkewed', date: new Date(Date.now() - hour) }), 2, /this machine's is (60|61) minutes ahead \(RequestTimeTooSkewed\)/],
  ]; // biome-ignore format: a table
  for (const [name, place, fault, code, line] of cases) {
    test(name, async () => {
      server!.fault = fault;
      assertLine(await lait(importing(place)), { code, line });
      assert.deepEqual(
        readdirSync(join(root, 'corpus')).filter((one) => one === 'shards'),
        [],
      );
    });
  }
});

test('a server that is not there is given up after some seconds, and may be there later', async () => {
  const env = {
    AWS_ENDPOINT_URL: 'http://127.0.0.1:9',
    AWS_ACCESS_KEY_ID: 'k',
    AWS_SECRET_ACCESS_KEY: 'lait-test-secret',
  };
  assertLine(await lait(importing('s3://birds/x'), env), {
    code: 1,
    line: /^lait: Expected an answer of S3 for s3:\/\/birds\/x\/ but received none that is whole \(ECONNREFUSED\)/,
  });
});

test('no credentials and no region are said', async () => {
  const nothing = {
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  };
  const unset = {
    AWS_ACCESS_KEY_ID: '',
    AWS_SECRET_ACCESS_KEY: '',
    AWS_REGION: '',
    AWS_ENDPOINT_URL: 'http://127.0.0.1:9',
  };
  assertLine(await lait(importing('s3://birds/x'), { ...nothing, ...unset }), {
    code: 2,
    line: /^lait: Expected credentials for S3 for s3:\/\/birds\/x\/ but received CredentialsProviderError; set AWS_ACCESS_KEY_ID/,
  });
  assertLine(await lait(importing('s3://birds/x'), { ...nothing, ...unset, AWS_ENDPOINT_URL: '' }), {
    code: 2,
    line: /^lait: Expected a region for s3:\/\/birds\/x\/ but there is none; set AWS_REGION/,
  });
});

describe('where a place in S3 has no place', () => {
  for (const [args, line] of [
    [
      ['regions', '--corpus', 's3://birds/x'],
      /Expected a path of this machine for --corpus but received a place in S3; fetch or mount it\./,
    ],
    [
      ['report', '--out', 's3://KEY:AKIA@birds/x', '--corpus', 'corpus'],
      /Expected a path of this machine for --out but received a place in S3/,
    ],
    [
      ['match', 's3://birds/a.jpg', 'a bird', '--corpus', 'corpus'],
      /Expected a path of this machine for lait match but received a place in S3/,
    ],
    [
      ['crawl', '--urls', 's3://birds/list.txt', '--corpus', 'corpus'],
      /Expected a path of this machine for --urls but received a place in S3/,
    ],
    [
      ['import', 'coco', 's3://birds/a.json', 'images', '--corpus', 'corpus'],
      /Expected an existing file or folder for import but received s3:\/\/birds\/a\.json/,
    ],
    [
      ['pretrain', '--shards', 's3://birds', '--corpus', 'corpus'],
      /Expected a prefix with shards for --shards but received s3:\/\/birds; name one/,
    ],
    [
      ['pretrain', '--shards', 's3://KEY:AKIA@birds/x', '--corpus', 'corpus'],
      /Expected s3:\/\/BUCKET\/PREFIX for the place but received one with credentials; give these as AWS_\* variables say/,
    ],
    [
      ['verify', '--out', 's3://birds/x', '--repair', '--corpus', 'corpus'],
      /Expected a folder for repair but received s3:\/\/birds\/x; repair the folder/,
    ],
  ] as const) {
    // biome-ignore format: a table
    test(args.slice(0, 3).join(' '), async () => assertLine(await lait(args), { code: 2, line }));
  }

  test('lait.yaml', async () => {
    const corpus = join(root, 'configured');
    mkdirSync(corpus);
    for (const [place, line] of [
      ['s3://KEY:AKIA@birds/x', /received one with credentials/],
      [
        's3://birds',
        /Expected s3:\/\/BUCKET\/PREFIX for blobs but received "s3:\/\/birds"; edit .*lait\.yaml, line 1\./,
      ],
      ['./folder', /Expected s3:\/\/BUCKET\/PREFIX for blobs but received "\.\/folder"/],
    ] as const) {
      // biome-ignore format: a table
      writeFileSync(join(corpus, 'lait.yaml'), `blobs: ${place}\n`);
      assertLine(await lait(['export', '--corpus', corpus]), { code: 2, line });
    }
  });
});
