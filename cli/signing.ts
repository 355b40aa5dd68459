/** Signed requests as settings say: both of them or none, and a key that can sign. */
import type { Signing } from '../crawler/fetch/request-signature.ts';
import { readSigningKey } from '../crawler/fetch/signing-key.ts';
import { expected } from '../dataset/user-error.ts';
import type { Config } from './config.ts';

/** Reads the key; undefined where requests are not signed. Throws for one setting without the other. */
export function signingOf({
  signatureKey,
  signatureAgent,
}: Pick<Config['crawl'], 'signatureKey' | 'signatureAgent'>): Signing | undefined {
  if (signatureKey === undefined && signatureAgent === undefined) return undefined;
  if (signatureAgent === undefined)
    throw expected('the https URL of the key directory', 'signatureAgent', 'none', 'give it beside signatureKey');
  if (signatureKey === undefined)
    throw expected('the file of a private key', 'signatureKey', 'none', 'give it beside signatureAgent');
  return { key: readSigningKey(signatureKey), agent: signatureAgent };
}
