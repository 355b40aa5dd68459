/** Drops texts with an e-mail address, a telephone number or a user's handle in them (RedCaps, CC12M mask persons). */
import { drop, type Filter, keep } from '../filter.ts';

const email = /[\p{L}\p{N}._%+-]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+/u;
/** International (+ and 8 to 15 digits, ITU-T E.164) or North American, with the separators people write. */
const telephone = /(?<![\p{N}.,])(?:\+\d[\d\s().-]{6,18}\d|\(?\d{3}\)?[\s.-]\d{3}[\s.-]\d{4})(?![\p{N}])/u;
const handle = /(?<![\p{L}\p{N}@.])@[A-Za-z0-9_.]{2,30}/u;

export const textPersonal = (): Filter => ({
  name: 'text/personal',
  settings: {},
  judge: ({ text }) => {
    if (email.test(text)) return drop('e-mail');
    if (telephone.test(text)) return drop('telephone');
    return handle.test(text) ? drop('user-handle') : keep;
  },
});
