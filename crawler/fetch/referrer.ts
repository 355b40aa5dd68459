/** What a request says of the page that it comes from: W3C Referrer Policy §8.4, with the policy that browsers have by default. */

/**
 * The Referer header by `strict-origin-when-cross-origin`: the whole URL within an origin, the origin alone beyond it, nothing
 * from https to http. Undefined for none.
 */
export function refererOf(page: string, target: string): string | undefined {
  const from = new URL(page);
  const to = new URL(target);
  if (from.protocol === 'https:' && to.protocol !== 'https:') return undefined;
  if (from.origin !== to.origin) return `${from.origin}/`;
  from.hash = '';
  from.username = '';
  from.password = '';
  return from.href;
}
