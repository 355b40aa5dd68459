/**
 * Opt-outs inside of pictures. `opt-outs/` has files that ExifTool and the C2PA SDK wrote (opt-outs/make.py); what no tool writes is
 * made here. Then a crawl: such a picture is refused, its bytes are not kept.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { crawl } from '../../../crawler/crawl.ts';
import { embeddedRights } from '../../../crawler/fetch/embedded-rights.ts';
import { decodeImage } from '../../../dataset/image/decode.ts';
import { temporaryCorpus } from '../../helpers/corpus.ts';
import { picture } from '../../helpers/picture.ts';
import { type Route, startSite } from '../../helpers/site.ts';
import { jpegWithXmp, packet, plusNamespace, pngWithChunk } from '../../helpers/xmp.ts';

const folder = join(import.meta.dirname, 'opt-outs');
const term = (name: string): string => `http://ns.useplus.org/ldf/vocab/DMI-${name}`;
const mined = (name: string) => ({ refused: 'rights-data-mining', evidence: { 'plus:DataMining': term(name) } });
const trained = (uses: string) => ({ refused: 'rights-training-mining', evidence: { 'training-mining': uses } });
const noTraining = trained('cawg.ai_training=notAllowed; cawg.data_mining=allowed');

describe('as tools write them', () => {
  const expected: Record<string, object> = {
    'plus.jpg': mined('PROHIBITED-AIMLTRAINING'),
    'plus.png': mined('PROHIBITED-AIMLTRAINING'),
    'plus.webp': mined('PROHIBITED-AIMLTRAINING'),
    'plus.gif': mined('PROHIBITED-AIMLTRAINING'),
    'plus.avif': mined('PROHIBITED-AIMLTRAINING'),
    'plus-compressed.png': mined('PROHIBITED-GENAIMLTRAINING'),
    'plus-constraint.jpg': mined('PROHIBITED-SEECONSTRAINT'),
    'plus-extended.jpg': mined('PROHIBITED'),
    'plus-allowed.jpg': { refused: null, evidence: { 'plus:DataMining': term('ALLOWED') } },
    'cawg.jpg': noTraining,
    'cawg.png': noTraining,
    'cawg.webp': noTraining,
    'cawg.gif': noTraining,
    'cawg.avif': noTraining,
    'cawg-long.jpg': noTraining,
    'cawg-compressed.jpg': noTraining,
    'cawg-twice.jpg': trained('cawg.ai_training=notAllowed'),
    'cawg-constrained.png': trained('cawg.data_mining=constrained'),
    'c2pa-json.jpg': trained('c2pa.ai_generative_training=notAllowed'),
    'cawg-allowed.jpg': {
      refused: null,
      evidence: {
        'training-mining':
          'cawg.ai_generative_training=allowed; cawg.ai_inference=allowed; cawg.ai_training=allowed; cawg.data_mining=allowed',
      },
    },
    'nothing.jpg': { refused: null, evidence: {} },
  };
  for (const name of readdirSync(folder).filter((file) => !file.endsWith('.py'))) {
    test(name, async () => {
      const bytes = readFileSync(join(folder, name));
      assert.deepEqual(await embeddedRights(bytes), expected[name]);
      assert.equal('reason' in (await decodeImage(bytes)), false);
    });
  }
});

const plus = `xmlns:plus="${plusNamespace}"`;
const prohibited = term('PROHIBITED');
const utf16le = (text: string): Buffer => Buffer.from(text, 'utf16le');
const utf16be = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16();

describe('what a packet says', () => {
  const cases: { name: string; xmp: string | Buffer; values: string | null; refused?: string | null }[] = [
    ...[
      '',
      '-AIMLTRAINING',
      '-GENAIMLTRAINING',
      '-EXCEPTSEARCHENGINEINDEXING',
      '-SEECONSTRAINT',
      '-SEEEMBEDDEDRIGHTSEXPR',
    ].map((end) => ({
      name: `PROHIBITED${end} reserves`,
      xmp: packet(`${plus} plus:DataMining="${term(`PROHIBITED${end}`)}"`),
      values: term(`PROHIBITED${end}`),
      refused: 'rights-data-mining',
    })),
    ...['ALLOWED', 'UNSPECIFIED'].map((value) => ({
      name: `${value} does not`,
      xmp: packet(`${plus} plus:DataMining="${term(value)}"`),
      values: term(value),
      refused: null,
    })),
    { name: 'element', xmp: packet(plus, `<plus:DataMining>\n ${prohibited}\n</plus:DataMining>`), values: prohibited },
    { name: 'resource', xmp: packet(plus, `<plus:DataMining rdf:resource="${prohibited}"/>`), values: prohibited },
    {
      name: 'structure',
      xmp: packet(
        plus,
        `<plus:DataMining rdf:parseType="Resource"><rdf:value>${prohibited}</rdf:value></plus:DataMining>`,
      ),
      values: prohibited,
    },
    {
      name: 'list',
      xmp: packet(
        plus,
        `<plus:DataMining><rdf:Bag><rdf:li>${term('ALLOWED')}</rdf:li><rdf:li>${prohibited}</rdf:li></rdf:Bag></plus:DataMining>`,
      ),
      values: `${term('ALLOWED')}; ${prohibited}`,
    },
    {
      name: 'another prefix',
      xmp: packet(`xmlns:a="${plusNamespace}" a:DataMining='${prohibited}'`),
      values: prohibited,
    },
    {
      name: 'no prefix',
      xmp: packet('', `<DataMining xmlns="${plusNamespace}">${prohibited}</DataMining>`),
      values: prohibited,
    },
    {
      name: 'the extension namespace of IPTC',
      xmp: packet(`xmlns:e="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" e:DataMining="${prohibited}"`),
      values: prohibited,
    },
    {
      name: 'a label',
      xmp: packet(`${plus} plus:DataMining="Prohibited for AI/ML training"`),
      values: 'Prohibited for AI/ML training',
    },
    {
      name: 'a term without its address',
      xmp: packet(`${plus} plus:DataMining="dmi-prohibited"`),
      values: 'dmi-prohibited',
    },
    {
      name: 'the property of another namespace says nothing',
      xmp: packet(`xmlns:plus="http://example.org/" plus:DataMining="${prohibited}"`),
      values: null,
      refused: null,
    },
    {
      name: 'a prefix that another element binds says nothing',
      xmp: packet('', `<a xmlns:plus="${plusNamespace}"/><plus:DataMining>${prohibited}</plus:DataMining>`),
      values: null,
      refused: null,
    },
    {
      name: 'a prefix that is bound anew inside',
      xmp: packet(
        plus,
        `<a xmlns:plus="http://example.org/"><plus:DataMining>x</plus:DataMining></a><plus:DataMining>${prohibited}</plus:DataMining>`,
      ),
      values: prohibited,
    },
    {
      name: 'a permission that mentions the word',
      xmp: packet(`${plus} plus:DataMining="not prohibited"`),
      values: 'not prohibited',
      refused: null,
    },
    {
      name: 'UTF-16, lower byte first',
      xmp: utf16le(packet(`${plus} plus:DataMining="${prohibited}"`)),
      values: prohibited,
    },
    {
      name: 'UTF-16, higher byte first',
      xmp: utf16be(packet(`${plus} plus:DataMining="${prohibited}"`)),
      values: prohibited,
    },
    {
      name: 'UTF-16 without header',
      xmp: utf16be(`<r xmlns:plus="${plusNamespace}" plus:DataMining="${prohibited}"/>`),
      values: prohibited,
    },
    { name: 'cut off', xmp: packet(`${plus} plus:DataMining="${prohibited}"`).slice(0, -60), values: prohibited },
    {
      name: 'entities of a document type are not expanded',
      xmp: `<!DOCTYPE r [<!ENTITY p "${prohibited}">]>${packet(`${plus} plus:DataMining="&p;"`)}`,
      values: '&p;',
      refused: null,
    },
  ];
  for (const { name, xmp, values, refused = 'rights-data-mining' } of cases) {
    test(name, async () => {
      const evidence = values === null ? {} : { 'plus:DataMining': values };
      assert.deepEqual(await embeddedRights(await jpegWithXmp(1, xmp)), { refused, evidence });
    });
  }

  test('TDMRep in XMP', async () => {
    for (const [value, refused] of [
      ['1', 'rights-tdm-reservation'],
      ['0', null],
    ] as const) {
      const xmp = packet(`xmlns:tdm="http://www.w3.org/ns/tdmrep/" tdm:reservation="${value}"`);
      assert.deepEqual(await embeddedRights(await jpegWithXmp(1, xmp)), {
        refused,
        evidence: { 'xmp-tdm-reservation': value },
      });
    }
  });

  test('what old ImageMagick wrote into PNG', async () => {
    const xmp = Buffer.from(packet(`${plus} plus:DataMining="${prohibited}"`));
    const digits = xmp.toString('hex').replace(/.{72}/g, '$&\n');
    const content = Buffer.from(`Raw profile type xmp\0\nxmp\n     ${xmp.length}\n${digits}\n`, 'latin1');
    assert.equal((await embeddedRights(await pngWithChunk(1, 'tEXt', content))).refused, 'rights-data-mining');
  });

  test('a packet that unfolds to more than the limit is left out', async () => {
    const { deflateSync } = await import('node:zlib');
    const chunk = (spaces: number): Promise<Buffer> =>
      pngWithChunk(
        1,
        'iTXt',
        Buffer.concat([
          Buffer.from('XML:com.adobe.xmp\0\x01\0\0\0', 'latin1'),
          deflateSync(packet(`${plus} plus:DataMining="${prohibited}"`) + ' '.repeat(spaces)),
        ]),
      );
    assert.equal((await embeddedRights(await chunk(7_000_000))).refused, 'rights-data-mining');
    assert.equal((await embeddedRights(await chunk(8_000_000))).refused, null);
  });
});

test('a file that is cut anywhere says what it said or nothing, and breaks nothing', async () => {
  for (const name of readdirSync(folder).filter((file) => !file.endsWith('.py'))) {
    const bytes = readFileSync(join(folder, name));
    const whole = (await embeddedRights(bytes)).refused;
    const step = Math.ceil(bytes.length / (name.endsWith('.avif') ? 40 : 200));
    for (let end = 0; end < bytes.length; end += step) {
      assert.ok([null, whole].includes((await embeddedRights(bytes.subarray(0, end))).refused), `${name} ${end}`);
    }
  }
});

test('a crawl refuses such a picture, keeps what it said and none of its bytes', async (t) => {
  const routes: Record<string, Route> = {
    '/': `<main><p><img src="/xmp.jpg" alt="A picture that is not for mining"><img src="/c2pa.png" alt="A picture not for training">
      <img src="/allowed.jpg" alt="A picture that may be mined"><img src="/later.jpg" alt="A picture that changes its mind"></p></main>`,
    '/xmp.jpg': readFileSync(join(folder, 'plus.jpg')),
    '/c2pa.png': readFileSync(join(folder, 'cawg.png')),
    '/allowed.jpg': await jpegWithXmp(1, packet(`${plus} plus:DataMining="${term('ALLOWED')}"`)),
    '/later.jpg': await picture(2),
  };
  const site = await startSite({ routes });
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  const options = {
    seeds: [site.url],
    corpusDir: corpus.dir,
    allowPrivate: true,
    minDelayMs: 0,
    render: 'never',
  } as const;
  await crawl(options, corpus);
  assert.deepEqual(corpus.images(), {
    '/allowed.jpg': 'success',
    '/c2pa.png': 'rights-training-mining',
    '/later.jpg': 'success',
    '/xmp.jpg': 'rights-data-mining',
  });
  const rights = corpus.ledger.db
    .prepare(`SELECT replace(url, ?, '') AS path, rights, sha256 IS NULL AS unkept FROM images ORDER BY url`)
    .all(site.url);
  assert.deepEqual(rights, [
    { path: '/allowed.jpg', rights: JSON.stringify({ 'plus:DataMining': term('ALLOWED') }), unkept: 0 },
    { path: '/c2pa.png', rights: JSON.stringify(noTraining.evidence), unkept: 1 },
    { path: '/later.jpg', rights: null, unkept: 0 },
    { path: '/xmp.jpg', rights: JSON.stringify(mined('PROHIBITED-AIMLTRAINING').evidence), unkept: 1 },
  ]);
  const stored = join(corpus.dir, 'raw', '000000.tar');
  assert.ok(existsSync(stored));
  assert.equal(readFileSync(stored).includes('PROHIBITED-AIMLTRAINING'), false);
  assert.equal(readFileSync(stored).includes('training-mining'), false);

  // What was taken while nothing forbade it goes when the picture says otherwise.
  routes['/later.jpg'] = await jpegWithXmp(2, packet(`${plus} plus:DataMining="${prohibited}"`));
  await crawl({ ...options, recrawl: 'all' }, corpus);
  assert.equal(corpus.images()['/later.jpg'], 'rights-data-mining');
  assert.equal(corpus.ledger.db.prepare(`SELECT sha256 FROM images WHERE url LIKE '%/later.jpg'`).pluck().get(), null);
});
