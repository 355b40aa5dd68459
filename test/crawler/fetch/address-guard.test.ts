/** Which addresses may be connected to. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type AddressGuard,
  addressGuard,
  isLoopbackHost,
  isPublicAddress,
} from '../../../crawler/fetch/address-guard.ts';

describe('addresses', () => {
  for (const [address, open] of [
    ['93.184.216.34', true],
    ['2606:4700::1111', true],
    ['127.0.0.1', false],
    ['10.1.2.3', false],
    ['172.16.0.1', false],
    ['192.168.1.1', false],
    ['169.254.169.254', false],
    ['100.64.0.1', false],
    ['0.0.0.0', false],
    ['224.0.0.1', false],
    ['255.255.255.255', false],
    ['198.18.0.1', false],
    ['::1', false],
    ['::', false],
    ['::ffff:10.0.0.1', false],
    ['::ffff:93.184.216.34', true],
    ['::10.0.0.1', false],
    ['64:ff9b::a00:1', false],
    ['2002:a00:1::', false],
    ['fe80::1', false],
    ['fc00::1', false],
    ['fd12::1', false],
    ['ff02::1', false],
    ['2001:db8::1', false],
    ['no address', false],
  ] as const) {
    test(address, () => assert.equal(isPublicAddress(address), open));
  }
  test('loopback by name and number', () => {
    assert.deepEqual(
      ['localhost', 'x.localhost', '127.9.9.9', '[::1]', 'localhost.example', '10.0.0.1'].map(isLoopbackHost),
      [true, true, true, true, false, false],
    );
  });
});

describe('a guard', () => {
  const ask = (guard: AddressGuard, name: string, all: boolean) =>
    new Promise((resolve) =>
      guard.lookup(name, { all }, (error, address) =>
        resolve(
          error ? ((error as { code?: string }).code === 'ADDRESS_REFUSED' ? error.message : error.code) : address,
        ),
      ),
    );

  for (const { name, options, host, refused } of [
    { name: 'a private address', options: {}, host: '10.0.0.1', refused: 'private-address' },
    { name: 'the metadata address', options: {}, host: '169.254.169.254', refused: 'private-address' },
    { name: 'an IPv6 address in brackets', options: {}, host: '[::1]', refused: 'private-address' },
    { name: 'a public address', options: {}, host: '93.184.216.34', refused: null },
    { name: 'a name, which is checked when it is resolved', options: {}, host: 'localhost', refused: null },
    { name: 'a private address with leave', options: { allowPrivate: true }, host: '10.0.0.1', refused: null },
    {
      name: 'a public address without a contact',
      options: { onlyLoopback: true, allowPrivate: true },
      host: '93.184.216.34',
      refused: 'contact-required',
    },
    {
      name: 'this machine without a contact',
      options: { onlyLoopback: true, allowPrivate: true },
      host: '127.0.0.1',
      refused: null,
    },
  ]) {
    test(name, () => assert.equal(addressGuard(options).refuseHost(host), refused));
  }

  test('gives a resolver’s answer only when every address of it may be asked', async () => {
    assert.equal(await ask(addressGuard(), 'localhost', true), 'private-address');
    assert.equal(await ask(addressGuard(), 'localhost', false), 'private-address');
    const allowed = addressGuard({ allowPrivate: true });
    const first = (await ask(allowed, 'localhost', true)) as { address: string }[];
    assert.ok(first.length > 0 && first.every(({ address }) => isLoopbackHost(address)));
    assert.deepEqual(await ask(allowed, 'localhost', true), first, 'from its cache');
    assert.equal(await ask(allowed, 'localhost', false), first[0]!.address);
    assert.match(String(await ask(allowed, 'no-such-host.invalid', true)), /^E/);
  });
});
