/**
 * Requests that say who sends them in a way that can be checked: HTTP message signatures (RFC 9421) by Ed25519 with the fields
 * of Web Bot Auth (draft-ietf-webbotauth-httpsig-protocol-01). A site finds the public key in the directory that Signature-Agent
 * names. What is signed is method, host and path of one request, for five minutes and with a nonce: nothing else can be asked
 * for with the same signature.
 */
import { createHash, createPublicKey, type KeyObject, randomBytes, sign } from 'node:crypto';
import { serializeItem } from 'structured-headers';

export interface Signing {
  /** An Ed25519 private key. */
  readonly key: KeyObject;
  /** The https URL of the directory in which its public part is published. */
  readonly agent: string;
}

/** The headers that sign one request; to be called again for each, and for each hop of a redirect. */
export type SignRequest = (method: string, url: URL) => Readonly<Record<string, string>>;

/** One line of a signature base: the component's identifier as a structured field, such as `"@path"`, and its value. */
export type Component = readonly [identifier: string, value: string];

/** Ours: clocks of servers are wrong by seconds, seldom by minutes; the draft wants at most a day. */
const validForSeconds = 300;
const nonceBytes = 64;
/** Of the signature and of the member of Signature-Agent: the draft wants one for both. */
const label = 'sig1';

/** Signs requests; `nowMs` is the time since 1970. */
export function openSigner({ key, agent }: Signing, nowMs: () => number = Date.now): SignRequest {
  const keyid = thumbprintOf(key);
  const agentItem = serializeItem(asUri(agent));
  return (method, { host, pathname }) => {
    const components: readonly Component[] = [
      ['"@method"', method],
      ['"@authority"', host],
      ['"@path"', pathname],
      [`"signature-agent";key="${label}"`, agentItem],
    ];
    const created = Math.floor(nowMs() / 1000);
    const parameters = signatureParameters(components, {
      created,
      expires: created + validForSeconds,
      keyid,
      nonce: randomBytes(nonceBytes).toString('base64'),
      tag: 'web-bot-auth',
    });
    return {
      'signature-agent': `${label}=${agentItem}`,
      'signature-input': `${label}=${parameters}`,
      signature: `${label}=:${signatureOf(components, parameters, key)}:`,
    };
  };
}

/** RFC 9421 §2.3: which components are signed, and the parameters in their order, as an inner list. */
export function signatureParameters(
  components: readonly Component[],
  parameters: Readonly<Record<string, string | number>>,
): string {
  const given = Object.entries(parameters).map(
    ([name, value]) => `;${name}=${typeof value === 'number' ? value : serializeItem(value)}`,
  );
  return `(${components.map(([identifier]) => identifier).join(' ')})${given.join('')}`;
}

/** RFC 9421 §2.5 and §3.3.6: the Ed25519 signature of the signature base, in base64. */
export function signatureOf(components: readonly Component[], parameters: string, key: KeyObject): string {
  const lines = components.map(([identifier, value]) => `${identifier}: ${value}`);
  const base = [...lines, `"@signature-params": ${parameters}`].join('\n');
  return sign(null, Buffer.from(base), key).toString('base64');
}

/** The public part of an Ed25519 key as a JWK (RFC 8037 §2). */
export function publicJwkOf(key: KeyObject): { readonly kty: string; readonly crv: string; readonly x: string } {
  const {
    kty = '',
    crv = '',
    x = '',
  } = (key.type === 'private' ? createPublicKey(key) : key).export({ format: 'jwk' });
  return { kty, crv, x };
}

/** RFC 7638 §3, RFC 8037 §2: SHA-256 of the members that make the key, in the order of their names. */
export function thumbprintOf(key: KeyObject): string {
  const { crv, kty, x } = publicJwkOf(key);
  return createHash('sha256').update(JSON.stringify({ crv, kty, x })).digest('base64url');
}

/** As it was written, since verifiers compare it, unless a header could not hold it. */
const asUri = (url: string): string => (/^[\x21-\x7e]+$/.test(url) ? url : new URL(url).href);
