/** Pictures that stand on a large part of a site's pages: by what is known at the end, whatever an earlier end knew. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crawl } from '../../crawler/crawl.ts';
import { temporaryCorpus } from '../helpers/corpus.ts';
import { picture } from '../helpers/picture.ts';
import { startSite } from '../helpers/site.ts';

const own = { allowPrivate: true, minDelayMs: 0, render: 'never' } as const;

/** `/` and pages that it leads to, the first nine of which show one picture; of the others, so many are not there. */
async function siteOf({ pages, missing = 0 }: { readonly pages: number; readonly missing?: number }) {
  const names = Array.from({ length: pages + missing }, (_, n) => `/p${n}.html`);
  const shown = (n: number): string => (n < 9 ? `<img src="/boat.jpg" alt="A red boat on the lake, day ${n}">` : '');
  return startSite({
    routes: {
      '/robots.txt': 'User-agent: *\nDisallow: /sitemap.xml\n',
      '/': `<main><p>All days.</p>${names.map((name) => `<a href="${name}">${name}</a>`).join(' ')}</main>`,
      ...Object.fromEntries(
        names.slice(0, pages).map((name, n) => [name, `<main><p>Day ${n} at the lake.</p>${shown(n)}</main>`]),
      ),
      '/boat.jpg': await picture(1),
    },
  });
}

test('a crawl in two runs ends with the pairs of one, also where a picture stood on most pages of the first', async (t) => {
  const site = await siteOf({ pages: 44 });
  const corpora = [temporaryCorpus(), temporaryCorpus()];
  t.after(async () => {
    for (const corpus of corpora) corpus.remove();
    await site.close();
  });
  const [whole, halved] = corpora as [(typeof corpora)[0], (typeof corpora)[0]];
  const begin = { ...own, seeds: [site.url] };
  const { pairs } = await crawl({ ...begin, corpusDir: whole.dir }, whole);
  assert.equal(whole.images()['/boat.jpg'], 'success');

  const first = await crawl({ ...begin, corpusDir: halved.dir, maxPages: 12 }, halved);
  assert.equal(halved.images()['/boat.jpg'], 'decoration-repeated');
  assert.equal(first.pairs, 0);
  const second = await crawl({ ...begin, corpusDir: halved.dir }, halved);
  assert.equal(second.stoppedBy, 'finished');
  assert.deepEqual(halved.images(), whole.images());
  assert.deepEqual(halved.pairs(), whole.pairs());
  assert.equal(second.pairs, pairs);
});

test('pages that could not be read make no picture rare', async (t) => {
  const site = await siteOf({ pages: 29, missing: 30 });
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  const { pairs } = await crawl({ ...own, seeds: [site.url], corpusDir: corpus.dir }, corpus);
  assert.equal(corpus.images()['/boat.jpg'], 'decoration-repeated');
  assert.equal(pairs, 0);
});
