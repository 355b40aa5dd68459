/** What a request for a picture says of the page that shows it: the page's policy and the Referer by it (W3C Referrer Policy). */

/** §3 of the standard. */
const referrerPolicies = [
  'no-referrer',
  'no-referrer-when-downgrade',
  'same-origin',
  'origin',
  'strict-origin',
  'origin-when-cross-origin',
  'strict-origin-when-cross-origin',
  'unsafe-url',
] as const;

export type ReferrerPolicy = (typeof referrerPolicies)[number];

/** What browsers take where a page says nothing. */
const defaultPolicy: ReferrerPolicy = 'strict-origin-when-cross-origin';

/** Names of an older draft, which count in `<meta name="referrer">` alone (HTML, the referrer metadata). */
const olderNames: ReadonlyMap<string, ReferrerPolicy> = new Map([
  ['never', 'no-referrer'],
  ['default', defaultPolicy],
  ['always', 'unsafe-url'],
  ['origin-when-crossorigin', 'origin-when-cross-origin'],
]);

/** A policy as an attribute `referrerpolicy` has it; null for what is none, which says nothing. */
export function referrerPolicyOf(value: string | undefined): ReferrerPolicy | null {
  const name = value?.toLowerCase();
  return referrerPolicies.find((policy) => policy === name) ?? null;
}

/** The policy of `<meta name="referrer" content>`. */
export const metaReferrerPolicy = (content: string): ReferrerPolicy | null =>
  olderNames.get(content.trim().toLowerCase()) ?? referrerPolicyOf(content.trim());

/** The policy of a header `Referrer-Policy`: the last of its list that is known, so that new ones may be named (§11.1). */
export const headerReferrerPolicy = (header: string | readonly string[] | undefined): ReferrerPolicy | null =>
  [header ?? []]
    .flat()
    .flatMap((value) => value.split(','))
    .map((value) => referrerPolicyOf(value.trim()))
    .findLast((policy) => policy !== null) ?? null;

/** The policy of a link, whose `rel` may forbid a Referer too. */
export const linkReferrerPolicy = ({
  rel = '',
  referrerpolicy,
}: Readonly<Record<string, string>>): ReferrerPolicy | null =>
  /(?:^|\s)noreferrer(?:\s|$)/i.test(rel) ? 'no-referrer' : referrerPolicyOf(referrerpolicy);

/** Longer ones are cut down to the origin (§8.4). */
const maxRefererLength = 4096;

/** The Referer header of a request that `page` makes for `target` by a policy (§8.3); undefined for none. */
export function refererOf(page: string, target: string, policy: ReferrerPolicy = defaultPolicy): string | undefined {
  const from = new URL(page);
  const to = new URL(target);
  const isSameOrigin = from.origin === to.origin;
  const isDowngrade = isTrustworthy(from) && !isTrustworthy(to);
  const origin = `${from.origin}/`;
  from.hash = '';
  from.username = '';
  from.password = '';
  const whole = from.href.length > maxRefererLength ? origin : from.href;
  switch (policy) {
    case 'no-referrer':
      return undefined;
    case 'no-referrer-when-downgrade':
      return isDowngrade ? undefined : whole;
    case 'same-origin':
      return isSameOrigin ? whole : undefined;
    case 'origin':
      return origin;
    case 'strict-origin':
      return isDowngrade ? undefined : origin;
    case 'origin-when-cross-origin':
      return isSameOrigin ? whole : origin;
    case 'strict-origin-when-cross-origin':
      if (isSameOrigin) return whole;
      return isDowngrade ? undefined : origin;
    case 'unsafe-url':
      return whole;
  }
}

/** Whether nobody on the way can read or change what is sent (W3C Secure Contexts §3.1). */
const isTrustworthy = ({ protocol, hostname }: URL): boolean =>
  protocol === 'https:' || /^(?:127(?:\.\d+){3}|\[::1\]|(?:.+\.)?localhost\.?)$/.test(hostname);
