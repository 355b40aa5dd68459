/** A site's side of signed requests, by another implementation than ours: http-message-sig, from the people of the draft. */
import { createPublicKey, type JsonWebKey, webcrypto } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { component, webcrypto as cryptoOf, verifySignature } from 'http-message-sig';

export interface SignedRequest {
  readonly method: string;
  /** Of this server, as the client addressed it. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

export interface Verified {
  /** The URL of the directory that lists the key. */
  readonly agent: string;
  readonly keyid: string;
  readonly nonce: string;
}

/** Throws unless a request is signed by a key of the directory that it names. `directoryAt` fetches that. */
export async function verifyRequest(
  { method, url, headers }: SignedRequest,
  directoryAt: (agent: string) => Promise<{ readonly keys: readonly JsonWebKey[] }>,
): Promise<Verified> {
  const [, label = '', agent = ''] = /^(\w+)="([^"]+)"$/.exec(String(headers['signature-agent'])) ?? [];
  const fields = Object.entries(headers).flatMap(([name, value]) =>
    [value ?? []].flat().map((one) => ({ name, value: one })),
  );
  const { parameters } = await verifySignature(
    { kind: 'request', method, targetUri: url, fields },
    {
      policy: {
        algorithms: ['ed25519'],
        requiredComponents: ['@method', '@authority', '@path', component('signature-agent', { key: label })],
        requiredParameters: ['created', 'expires', 'keyid', 'nonce', 'tag'],
        maxAge: 300,
        validate: (one) => one.parameters.tag === 'web-bot-auth',
      },
      async resolveVerifier({ parameters: { keyid } }) {
        const { keys } = await directoryAt(agent);
        const jwk = keys.find((one) => one.kid === keyid);
        if (jwk === undefined) throw new Error(`no key ${String(keyid)} at ${agent}`);
        const spki = createPublicKey({ key: jwk, format: 'jwk' }).export({ format: 'der', type: 'spki' });
        return cryptoOf.verifier(await webcrypto.subtle.importKey('spki', spki, 'Ed25519', false, ['verify']));
      },
    },
  );
  return { agent, keyid: String(parameters.keyid), nonce: String(parameters.nonce) };
}
