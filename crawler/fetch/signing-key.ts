/** The private key of signed requests, from a file and made anew, and the directory in which its public part is published. */
import { createPrivateKey, generateKeyPairSync, type JsonWebKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expected, type UserError } from '../../dataset/user-error.ts';
import { publicJwkOf, thumbprintOf } from './request-signature.ts';

/** Where sites look for the directory of a host, and the type that it is served with (the draft's §9). */
export const directoryPath = '/.well-known/http-message-signatures-directory';
export const directoryType = 'application/http-message-signatures-directory+json';

/** The key pair that RFC 9421 prints in full: everybody can sign with it. */
const exampleKey = 'poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U';

/** Reads an Ed25519 private key, as PEM (PKCS #8) or JWK. Throws a UserError that says nothing of what is in the file. */
export function readSigningKey(path: string): KeyObject {
  const key = parseKey(textOf(path), path);
  if (key.asymmetricKeyType !== 'ed25519') throw keyExpected(`${path}, a key of the type ${key.asymmetricKeyType}`);
  if (thumbprintOf(key) === exampleKey) throw keyExpected(`${path}, the example of RFC 9421, which everybody has`);
  return key;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw keyExpected(`${path}, which cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

function parseKey(text: string, path: string): KeyObject {
  if (!text.trimStart().startsWith('{')) {
    try {
      return createPrivateKey(text);
    } catch {
      const isLocked = /ENCRYPTED/.test(text);
      throw keyExpected(`${path}, ${isLocked ? 'which is locked by a passphrase' : 'which holds no private key'}`);
    }
  }
  let jwk: JsonWebKey;
  let key: KeyObject;
  try {
    jwk = JSON.parse(text) as JsonWebKey;
    key = createPrivateKey({ key: jwk, format: 'jwk' });
  } catch {
    throw keyExpected(`${path}, which holds no private key`);
  }
  if (key.asymmetricKeyType === 'ed25519' && publicJwkOf(key).x !== jwk.x)
    throw keyExpected(`${path}, whose public part belongs to another key`);
  return key;
}

const keyExpected = (received: string): UserError =>
  expected('an Ed25519 private key as PEM or JWK', 'signatureKey', received, 'make one with `lait keys`');

/** A new private key as the text of a JWK file. */
export function newSigningKey(): string {
  const { privateKey } = generateKeyPairSync('ed25519');
  const kid = thumbprintOf(privateKey);
  return `${JSON.stringify({ ...privateKey.export({ format: 'jwk' }), kid, use: 'sig' }, null, 2)}\n`;
}

/** A directory (JWK Set) with the public part of a key, after what it lists already. Throws when that is no JWK Set. */
export function directoryWith(key: KeyObject, before: string | null): string {
  const kid = thumbprintOf(key);
  const { keys = [] } = before === null ? {} : (JSON.parse(before) as { keys?: readonly JsonWebKey[] });
  if (!Array.isArray(keys) || keys.some((one) => typeof one !== 'object' || one === null || 'd' in one))
    throw new TypeError('no set of public keys');
  const others = keys.filter((one: JsonWebKey) => one.kid !== kid);
  return `${JSON.stringify({ keys: [...others, { ...publicJwkOf(key), kid, use: 'sig' }] }, null, 2)}\n`;
}
