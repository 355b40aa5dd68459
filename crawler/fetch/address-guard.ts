/**
 * Keeps the crawl out of private networks (server-side request forgery). A name is resolved once, every address it has
 * is checked, and the socket is opened to a checked address and to no other: what is checked is what is connected to, so a
 * name server that changes its answer gains nothing. An URL whose host is an address is checked before any socket.
 */
import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { filesRanOut } from './local-faults.ts';

type AddressRefusal = 'private-address' | 'contact-required';

/** Why a socket was not opened. */
export class AddressRefused extends Error {
  override readonly name = 'AddressRefused';
  readonly code = 'ADDRESS_REFUSED';
  readonly reason: AddressRefusal;

  constructor(reason: AddressRefusal) {
    super(reason);
    this.reason = reason;
  }
}

/**
 * True for an address of the public internet. Everything that ipaddr.js gives a range name is special (RFC 6890: private,
 * loopback, link-local with the cloud metadata address, CGNAT, multicast, documentation…); an IPv6 address that carries
 * an IPv4 address (mapped, NAT64, 6to4) is judged by that one, Teredo is refused.
 */
export function isPublicAddress(address: string): boolean {
  const bare = address.startsWith('[') ? address.slice(1, -1) : address;
  if (!ipaddr.isValid(bare)) return false;
  const parsed = ipaddr.process(bare);
  const range = parsed.range();
  if (parsed instanceof ipaddr.IPv6) {
    const bytes = parsed.toByteArray();
    if (range === 'rfc6052') return isPublicAddress(bytes.slice(12).join('.'));
    if (range === '6to4') return isPublicAddress(bytes.slice(2, 6).join('.'));
    // IPv4-compatible ::a.b.c.d, deprecated and unrouted.
    if (bytes.slice(0, 12).every((byte) => byte === 0)) return false;
  }
  return range === 'unicast';
}

/** True for `localhost` and addresses of this machine: what may be crawled without a contact. */
export function isLoopbackHost(hostname: string): boolean {
  const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  if (bare === 'localhost' || bare.endsWith('.localhost')) return true;
  return ipaddr.isValid(bare) && ipaddr.process(bare).range() === 'loopback';
}

/** How long a resolved name is believed, in ms. The system's resolver gives no TTL; a minute is the shortest common one. */
const believeNameMs = 60_000;
const maxNames = 10_000;

export interface AddressGuard {
  /** For `net.connect` and `tls.connect`: gives only checked addresses. */
  readonly lookup: LookupFunction;
  /** Null, or the reason why a host that is itself an address (or is known by name) may not be connected to. */
  readonly refuseHost: (hostname: string) => AddressRefusal | null;
}

/** A guard with its own cache of names. `allow` says which addresses may be connected to. */
export function addressGuard({
  allowPrivate = false,
  onlyLoopback = false,
}: {
  readonly allowPrivate?: boolean;
  /** Without a contact for the User-Agent only this machine may be connected to. */
  readonly onlyLoopback?: boolean;
} = {}): AddressGuard {
  const names = new Map<string, { addresses: LookupAddress[]; untilMs: number }>();

  const reasonFor = (address: string): AddressRefusal | null => {
    if (onlyLoopback && !isLoopbackHost(address)) return 'contact-required';
    return allowPrivate || isPublicAddress(address) ? null : 'private-address';
  };

  const answer = (
    hostname: string,
    addresses: readonly LookupAddress[],
    all: boolean,
    callback: Parameters<LookupFunction>[2],
  ): void => {
    const refused = addresses.map(({ address }) => reasonFor(address)).find((reason) => reason !== null);
    const first = addresses[0];
    if (refused) callback(new AddressRefused(refused), []);
    else if (!first) callback(Object.assign(new Error(`no address for ${hostname}`), { code: 'ENOTFOUND' }), []);
    else if (all) callback(null, [...addresses]);
    else callback(null, first.address, first.family);
  };

  return {
    refuseHost: (hostname) => {
      const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
      return ipaddr.isValid(bare) ? reasonFor(bare) : null;
    },
    lookup: (hostname, options, callback) => {
      const all = options.all === true;
      const known = names.get(hostname);
      if (known && known.untilMs > performance.now()) {
        answer(hostname, known.addresses, all, callback);
        return;
      }
      systemLookup(hostname, { all: true, verbatim: false }, (error, addresses) => {
        if (error) {
          callback((filesRanOut() as NodeJS.ErrnoException | null) ?? error, []);
          return;
        }
        if (names.size >= maxNames) names.clear();
        names.set(hostname, { addresses, untilMs: performance.now() + believeNameMs });
        answer(hostname, addresses, all, callback);
      });
    },
  };
}
