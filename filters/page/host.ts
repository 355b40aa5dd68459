/** Drops pairs of pages on denied hosts, or outside the allowed ones where there are any. A host stands for its subdomains. */
import { drop, type Filter, keep } from '../filter.ts';

export const pageHost = ({ allow = [] as readonly string[], deny = [] as readonly string[] } = {}): Filter => ({
  name: 'page/host',
  settings: { allow, deny },
  judge: ({ pageUrl }) => {
    if (allow.length === 0 && deny.length === 0) return keep;
    const host = new URL(pageUrl).hostname;
    const under = (name: string) => host === name || host.endsWith(`.${name}`);
    if (deny.some(under)) return drop('denied-host');
    return allow.length === 0 || allow.some(under) ? keep : drop('host-not-allowed');
  },
});
