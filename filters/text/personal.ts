/**
 * E-mail addresses, telephone numbers and users' handles. A text with one is dropped (it is an advert or a signature, and
 * LAIT drops spam), or, where the recipe masks, each is replaced in cleaning as RedCaps replaces handles.
 */
import { drop, type Filter, keep } from '../filter.ts';
import { telephones } from './telephone.ts';

const email = /[\p{L}\p{N}._%+-]{1,64}@[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63})+/gu;

/** The least digits of any number. */
const digits = /\d\D{0,3}\d\D{0,3}\d\D{0,3}\d\D{0,3}\d\D{0,3}\d\D{0,3}\d/;
const handle = /(?<![\p{L}\p{N}@.])@[A-Za-z0-9_.]{2,30}/gu;

/** What each is replaced by; the handle's is RedCaps'. */
export const contactMasks = ['<EMAIL>', '<PHONE>', '<usr>'] as const;

/** The text with each address, number and handle as its mask. Masking twice is masking once. */
export function maskContacts(text: string): string {
  let masked = text;
  if (text.includes('@')) masked = masked.replace(email, contactMasks[0]).replace(handle, contactMasks[2]);
  if (!digits.test(masked)) return masked;
  let [out, after] = ['', 0];
  for (const { from, end } of telephones(masked)) {
    out += masked.slice(after, from) + contactMasks[1];
    after = end;
  }
  return out + masked.slice(after);
}

export const textPersonal = (): Filter => ({
  name: 'text/personal',
  version: 3, // telephone numbers by their countries' plans
  settings: {},
  judge: ({ text }) => {
    const at = text.includes('@');
    if (at && found(email, text)) return drop('e-mail');
    if (digits.test(text) && telephones(text).length > 0) return drop('telephone');
    return at && found(handle, text) ? drop('user-handle') : keep;
  },
});

const found = (pattern: RegExp, text: string): boolean => text.search(pattern) >= 0;
