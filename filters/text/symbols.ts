/** Drops texts with more than `maxShare` of their characters neither letters nor spaces (OBELICS: 0.3 for a text node). */
import { drop, type Filter, keep } from '../filter.ts';

export const textSymbols = ({ maxShare = 0.3 } = {}): Filter => ({
  name: 'text/symbols',
  settings: { maxShare },
  judge: ({ text }) => {
    const digits = text.match(/\p{N}/gu)?.length ?? 0;
    const others = text.match(/[^\p{L}\p{M}\p{N}\s]/gu)?.length ?? 0;
    if ((digits + others) / [...text].length <= maxShare) return keep;
    return drop(digits > others ? 'digits' : 'symbols');
  },
});
