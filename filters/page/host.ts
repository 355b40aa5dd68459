/**
 * Drops pairs of pages on denied hosts, or outside the allowed ones where there are any. A host stands for its subdomains. A
 * pair of a list has no page: there the image's host counts.
 */
import type { Pair } from '../../dataset/pair.ts';
import { drop, type Filter, keep } from '../filter.ts';

/** The host of the page, or of the image where the page is a list's name; '' when neither has one. */
export function hostOf({ pageUrl, imageUrl }: Pick<Pair, 'pageUrl' | 'imageUrl'>): string {
  const host = hostIn(pageUrl);
  return host === '' ? hostIn(imageUrl) : host;
}

function hostIn(url: string): string {
  if (!URL.canParse(url)) return '';
  return new URL(url).hostname.replace(/\.$/, '');
}

/** As hosts stand in URLs: "Example.ORG." and "müller.example" are "example.org" and "xn--mller-kva.example". */
function nameOf(given: string): string {
  const bare = given.trim().replace(/^\*?\.+/, '');
  const url = bare.includes('://') ? bare : `http://${bare}`;
  return hostIn(url) || bare.toLowerCase();
}

export const pageHost = ({ allow = [] as readonly string[], deny = [] as readonly string[] } = {}): Filter => {
  const [allowed, denied] = [allow.map(nameOf), deny.map(nameOf)];
  return {
    name: 'page/host',
    version: 2, // the image's host for a list
    settings: { allow, deny },
    judge: (pair) => {
      if (allowed.length === 0 && denied.length === 0) return keep;
      const host = hostOf(pair);
      const under = (name: string) => host === name || host.endsWith(`.${name}`);
      if (denied.some(under)) return drop('denied-host');
      return allowed.length === 0 || allowed.some(under) ? keep : drop('host-not-allowed');
    },
  };
};
