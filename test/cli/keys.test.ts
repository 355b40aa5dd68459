/** `lait keys`, and what a crawl says of keys that it cannot sign with: one line, exit code 2, and no request. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { configSchema } from '../../cli/config.ts';
import { thumbprintOf } from '../../crawler/fetch/request-signature.ts';
import { readSigningKey } from '../../crawler/fetch/signing-key.ts';
import { type Site, startSite } from '../helpers/site.ts';

const main = join(import.meta.dirname, '../../cli/lait.mjs');
const agent = 'https://bot.example/.well-known/http-message-signatures-directory';
let dir = '';
let site: Site;
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'lait-keys-'));
  site = await startSite({ routes: { '/': '<p>Here is something to read.</p>' } });
});
after(async () => {
  await site.close();
  rmSync(dir, { recursive: true, force: true });
});

async function lait(...args: readonly string[]): Promise<{ readonly code: unknown; readonly errors: string }> {
  const child = spawn(process.execPath, [main, ...args], { cwd: dir });
  let errors = '';
  child.stderr.on('data', (data: Buffer) => {
    errors += data;
  });
  return { code: await new Promise((resolve) => child.once('close', resolve)), errors };
}

const listed = (): string[] =>
  (
    JSON.parse(readFileSync(join(dir, 'bot/http-message-signatures-directory'), 'utf8')) as { keys: { kid: string }[] }
  ).keys.map(({ kid }) => kid);

test('a key is made for its owner alone, kept when the command is run again, and followed by the next', async () => {
  const path = join(dir, 'bot/signature-key.json');
  assert.deepEqual(await lait('keys', 'bot'), { code: 0, errors: '' });
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const text = readFileSync(path, 'utf8');
  const { d } = JSON.parse(text) as { d: string };
  const directory = readFileSync(join(dir, 'bot/http-message-signatures-directory'), 'utf8');
  assert.ok(!directory.includes(d), 'the private part is in the directory');
  const first = thumbprintOf(readSigningKey(path));
  assert.deepEqual(listed(), [first]);

  assert.deepEqual(await lait('keys', 'bot'), { code: 0, errors: '' });
  assert.equal(readFileSync(path, 'utf8'), text);
  assert.equal(readFileSync(join(dir, 'bot/http-message-signatures-directory'), 'utf8'), directory);

  renameSync(path, join(dir, 'bot/old.json'));
  assert.deepEqual(await lait('keys', 'bot'), { code: 0, errors: '' });
  assert.deepEqual(listed(), [first, thumbprintOf(readSigningKey(path))]);
});

test('a directory that is none is left alone', async () => {
  mkdirSync(join(dir, 'spoiled'));
  const path = join(dir, 'spoiled/http-message-signatures-directory');
  for (const text of ['not JSON', '{"keys":[{"kty":"OKP","d":"secret"}]}', '{"keys":3}', '[]']) {
    writeFileSync(path, text);
    const { code, errors } = await lait('keys', 'spoiled');
    assert.deepEqual([code, readFileSync(path, 'utf8')], [2, text], errors);
    assert.match(errors, /^lait: Expected a JWK Set of public keys .*\n$/);
  }
});

const ed25519 = generateKeyPairSync('ed25519');
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = { format: 'pem', type: 'pkcs8' } as const;
const files: Readonly<Record<string, string>> = {
  'good.pem': String(ed25519.privateKey.export(pem)),
  'good.json': JSON.stringify(ed25519.privateKey.export({ format: 'jwk' })),
  'rsa.pem': String(rsa.privateKey.export(pem)),
  'rsa.json': JSON.stringify(rsa.privateKey.export({ format: 'jwk' })),
  'locked.pem': String(ed25519.privateKey.export({ ...pem, cipher: 'aes-256-cbc', passphrase: 'x' })),
  'public.pem': String(ed25519.publicKey.export({ format: 'pem', type: 'spki' })),
  'public.json': JSON.stringify(ed25519.publicKey.export({ format: 'jwk' })),
  'mixed.json': JSON.stringify({
    ...ed25519.privateKey.export({ format: 'jwk' }),
    x: generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }).x,
  }),
  'example.json': JSON.stringify({
    kty: 'OKP',
    crv: 'Ed25519',
    d: 'n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU',
    x: 'JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs',
  }),
  'empty.pem': '',
  'broken.json': '{"kty":',
};

const unusable = (name: string, received: string): string =>
  `Expected an Ed25519 private key as PEM or JWK for signatureKey but received ${name}, ${received}; make one with \`lait keys\`.`;

for (const [name, received] of [
  ['missing.pem', 'which cannot be read (ENOENT)'],
  ['.', 'which cannot be read (EISDIR)'],
  ['rsa.pem', 'a key of the type rsa'],
  ['rsa.json', 'a key of the type rsa'],
  ['locked.pem', 'which is locked by a passphrase'],
  ['public.pem', 'which holds no private key'],
  ['public.json', 'which holds no private key'],
  ['mixed.json', 'whose public part belongs to another key'],
  ['example.json', 'the example of RFC 9421, which everybody has'],
  ['empty.pem', 'which holds no private key'],
  ['broken.json', 'which holds no private key'],
] as const) {
  test(`${name} is no key to sign with`, () => {
    const path = join(dir, name);
    if (files[name] !== undefined) writeFileSync(path, files[name]);
    assert.throws(() => readSigningKey(path), { name: 'UserError', message: unusable(path, received) });
  });
}

test('both settings or none, a key that can sign, and a directory on https: else no request and no corpus', async () => {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  const before = site.hits.size;
  const own = ['--allow-private', '--corpus', 'none'];
  const noKey = `lait: Expected the file of a private key for signatureKey but received none; give it beside signatureAgent.\n`;
  for (const [command, errors] of [
    [['crawl', '--signature-agent', agent], noKey],
    [['schedule', '--cron', '0 3 * * *', '--signature-agent', agent], noKey],
    [
      ['crawl', '--signature-key', 'good.pem'],
      'lait: Expected the https URL of the key directory for signatureAgent but received none; give it beside signatureKey.\n',
    ],
    [
      ['crawl', '--signature-key', 'rsa.pem', '--signature-agent', agent],
      `lait: ${unusable('rsa.pem', 'a key of the type rsa')}\n`,
    ],
    [
      ['crawl', '--signature-key', 'good.pem', '--signature-agent', 'http://bot.example/keys'],
      'lait: Expected an https URL without user and fragment for signatureAgent but received "http://bot.example/keys"; correct the flag --signature-agent.\n',
    ],
  ] as const) {
    const [name, ...flags] = command;
    assert.deepEqual(await lait(name!, site.url, ...own, ...flags), { code: 2, errors });
  }
  assert.equal(site.hits.size, before);
  assert.ok(!existsSync(join(dir, 'none')), 'a corpus was made');
});

for (const url of [
  'https://me:secret@bot.example/',
  'https://bot.example/#keys',
  'bot.example',
  'https://',
  '',
  ' https://a.example',
]) {
  test(`${JSON.stringify(url)} is no directory`, () =>
    assert.equal(configSchema.safeParse({ crawl: { signatureAgent: url } }).success, false));
}

for (const name of ['good.pem', 'good.json']) {
  test(`a crawl signs with ${name}, named in lait.yaml`, async () => {
    for (const [file, text] of Object.entries(files)) writeFileSync(join(dir, file), text);
    const keyids: string[] = [];
    const own = await startSite({
      routes: {
        '/': (req, res) => {
          keyids.push(/keyid="(.*?)"/.exec(String(req.headers['signature-input']))?.[1] ?? 'none');
          res.writeHead(200, { 'content-type': 'text/html' }).end('<p>Here is something to read.</p>');
        },
      },
    });
    mkdirSync(join(dir, `corpus-${name}`));
    writeFileSync(
      join(dir, `corpus-${name}`, 'lait.yaml'),
      `crawl:\n  signatureKey: ${name}\n  signatureAgent: ${agent}\n  render: never\n  allowPrivate: true\n`,
    );
    const { code, errors } = await lait('crawl', own.url, '--corpus', `corpus-${name}`);
    await own.close();
    assert.equal(code, 0, errors);
    assert.deepEqual(keyids, [thumbprintOf(ed25519.privateKey)]);
  });
}
