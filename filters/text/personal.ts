/**
 * E-mail addresses, telephone numbers and users' handles. A text with one is dropped (it is an advert or a signature, and
 * LAIT drops spam), or, where the recipe masks, each is replaced in cleaning as RedCaps replaces handles.
 */
import { drop, type Filter, keep } from '../filter.ts';

const email = /[\p{L}\p{N}._%+-]{1,64}@[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63})+/gu;

/** International (+ and 8 to 15 digits, ITU-T E.164) or North American, with the separators people write. */
const telephone = /(?<![\p{N}.,])(?:\+\d[\d\s().-]{6,18}\d|\(?\d{3}\)?[\s.-]\d{3}[\s.-]\d{4})(?![\p{N}])/gu;
const digit = /\d/;
const handle = /(?<![\p{L}\p{N}@.])@[A-Za-z0-9_.]{2,30}/gu;

/** What each is replaced by; the handle's is RedCaps'. */
export const contactMasks = ['<EMAIL>', '<PHONE>', '<usr>'] as const;

/** The text with each address, number and handle as its mask. Masking twice is masking once. */
export function maskContacts(text: string): string {
  let masked = text;
  if (text.includes('@')) masked = masked.replace(email, contactMasks[0]).replace(handle, contactMasks[2]);
  return digit.test(masked) ? masked.replace(telephone, contactMasks[1]) : masked;
}

export const textPersonal = (): Filter => ({
  name: 'text/personal',
  version: 2, // addresses of at most 64 characters a part
  settings: {},
  judge: ({ text }) => {
    const at = text.includes('@');
    if (at && found(email, text)) return drop('e-mail');
    if (digit.test(text) && found(telephone, text)) return drop('telephone');
    return at && found(handle, text) ? drop('user-handle') : keep;
  },
});

const found = (pattern: RegExp, text: string): boolean => text.search(pattern) >= 0;
