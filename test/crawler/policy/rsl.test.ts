/** RSL licences: what reserves training for which paths, and where licences are named. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseRobots } from '../../../crawler/policy/robots.ts';
import { parseRsl, rslLinks, rslReservation } from '../../../crawler/policy/rsl.ts';

const rsl = (contents: string): string =>
  `<?xml version="1.0"?><rsl xmlns="https://rslstandard.org/rsl">${contents}</rsl>`;
const content = (url: string, licence: string, more = ''): string =>
  `<content url="${url}" ${more}><license>${licence}</license></content>`;
const permits = (tokens: string, type = 'usage'): string => `<permits type="${type}">${tokens}</permits>`;
const prohibits = (tokens: string, type = 'usage'): string => `<prohibits type="${type}">${tokens}</prohibits>`;

describe('a licence', () => {
  const cases: { name: string; xml: string; reserves: boolean; url?: string }[] = [
    ...(['all', 'ai-all', 'ai-train', 'train-ai', 'AI-TRAIN'] as const).map((token) => ({
      name: `prohibits ${token}`,
      xml: content('/', prohibits(token)),
      reserves: true,
    })),
    ...(['search', 'ai-input', 'ai-index', 'constructor'] as const).map((token) => ({
      name: `prohibits ${token}`,
      xml: content('/', prohibits(token)),
      reserves: false,
    })),
    { name: 'prohibits among others', xml: content('/', prohibits('ai-input  ai-train')), reserves: true },
    { name: 'permits all', xml: content('/', permits('all')), reserves: false },
    { name: 'permits training', xml: content('/', permits('search ai-train')), reserves: false },
    { name: 'permits search only', xml: content('/', permits('search')), reserves: true },
    {
      name: 'permits what it prohibits in general',
      xml: content('/', permits('ai-train') + prohibits('all')),
      reserves: false,
    },
    {
      name: 'permits in general what it prohibits',
      xml: content('/', permits('all') + prohibits('ai-train')),
      reserves: true,
    },
    {
      name: 'permits and prohibits alike',
      xml: content('/', permits('ai-train') + prohibits('ai-train')),
      reserves: true,
    },
    { name: 'names no use', xml: content('/', ''), reserves: false },
    {
      name: 'is for attribution',
      xml: content('/', `${permits('all')}<payment type="attribution"/>`),
      reserves: false,
    },
    { name: 'is free', xml: content('/', '<payment type="free"/>'), reserves: false },
    {
      name: 'has a price',
      xml: content('/', `${permits('all')}<payment type="training"><amount>1</amount></payment>`),
      reserves: true,
    },
    { name: 'has a server', xml: content('/', permits('all'), 'server="https://l.example"'), reserves: true },
    { name: 'is for certain users', xml: content('/', permits('all') + permits('education', 'user')), reserves: true },
    { name: 'is not for a place', xml: content('/', permits('all') + prohibits('us', 'geo')), reserves: true },
    {
      name: 'that is free beside one with a price',
      xml: `<content url="/"><license>${permits('search')}<payment type="crawl"/></license><license>${permits('ai-train')}</license></content>`,
      reserves: false,
    },
    { name: 'without a license element says nothing', xml: '<content url="/"/>', reserves: false },
    {
      name: 'by any prefix',
      xml: `<rsl:content url="/"><rsl:license><rsl:prohibits type="usage">all</rsl:prohibits></rsl:license></rsl:content>`,
      reserves: true,
    },
    { name: 'of usage unless it says otherwise', xml: content('/', '<prohibits>ai-train</prohibits>'), reserves: true },
    { name: 'of another path', xml: content('/b', prohibits('all')), reserves: false },
    { name: 'of a path pattern', xml: content('/a/*.jpg$', prohibits('all')), reserves: true },
    { name: 'of a path pattern with an end', xml: content('/a/i.jp$', prohibits('all')), reserves: false },
    { name: 'of everything', xml: content('', prohibits('all')), reserves: true },
    { name: 'of a URL', xml: content('https://a.example/a/', prohibits('all')), reserves: true },
    { name: 'of another host', xml: content('https://b.example/', prohibits('all')), reserves: false },
    {
      name: 'that prohibits holds for what is inside of its path',
      xml: content('/', prohibits('ai-train')) + content('/a/', permits('ai-train')),
      reserves: true,
    },
    {
      name: 'that permits less in general gives way to the more specific',
      xml: content('/', permits('search')) + content('/a/', permits('ai-train')),
      reserves: false,
    },
    {
      name: 'that permits gives way to the more specific',
      xml: content('/', permits('all')) + content('/a/', permits('search')),
      reserves: true,
    },
  ];
  for (const { name, xml, reserves, url = 'https://a.example/a/i.jpg' } of cases) {
    test(`${name} ${reserves ? 'reserves' : 'does not reserve'}`, () => {
      assert.equal(rslReservation(parseRsl(rsl(xml))!, url) !== null, reserves);
    });
  }

  test('is read as far as it goes, and what is none is none', () => {
    assert.equal(
      rslReservation(parseRsl(rsl(content('/', prohibits('all'))).slice(0, -25))!, 'https://a.example/') !== null,
      true,
    );
    assert.equal(parseRsl('<html><content url="/"></content></html>'), null);
    assert.equal(parseRsl(''), null);
    assert.equal(parseRsl(rsl('<content url="/"/>'.repeat(1001)))!.length, 1000);
    const entity = `<!DOCTYPE rsl [<!ENTITY a "all">]>${rsl(content('/', prohibits('&a;')))}`;
    assert.equal(rslReservation(parseRsl(entity)!, 'https://a.example/'), null);
  });
});

for (const { header, urls } of [
  { header: '<https://a.example/l.xml>; rel="license"; type="application/rsl+xml"', urls: ['https://a.example/l.xml'] },
  { header: '</l.xml>; type=application/rsl+xml; rel=license', urls: ['/l.xml'] },
  {
    header: '<a>; rel="next", </l.xml>; rel="license next"; type="application/rsl+xml; charset=utf-8"',
    urls: ['/l.xml'],
  },
  { header: ['<a>; rel=next', '</l.xml>; rel=license; type="application/rsl+xml"'], urls: ['/l.xml'] },
  { header: '<https://creativecommons.org/licenses/by/4.0/>; rel="license"', urls: [] },
  { header: '</l.xml>; rel="next"; type="application/rsl+xml"', urls: [] },
  { header: undefined, urls: [] },
]) {
  test(`Link: ${header}`, () => assert.deepEqual(rslLinks(header), urls));
}

for (const { name, body, licenses } of [
  { name: 'before all groups', body: 'License: /l.xml\nUser-agent: *\nDisallow: /x', licenses: ['/l.xml'] },
  { name: 'in the group of all', body: 'User-agent: *\nDisallow: /x\nLicense: /l.xml', licenses: ['/l.xml'] },
  {
    name: 'in our group',
    body: 'User-agent: lait\nDisallow: /x\nLicense: /l.xml\nUser-agent: x\nDisallow: /\nLicense: /m.xml',
    licenses: ['/l.xml'],
  },
  {
    name: 'after the last group',
    body: 'User-agent: *\nDisallow: /x\n\nUser-agent: x\nDisallow: /\n\nlicense: /l.xml',
    licenses: ['/l.xml'],
  },
  { name: 'not at all', body: 'User-agent: *\nDisallow: /x', licenses: [] },
]) {
  test(`License in robots.txt ${name}`, () => {
    assert.deepEqual(parseRobots(body).licenses, licenses);
    assert.equal(parseRobots(body).allows('https://a.example/y'), true);
  });
}
