/**
 * Pages of a textbook with the decoration of real ones, crawled with a browser: every content image with its alternative text and
 * its caption, however the page shows it, and nothing else. bench/recall.ts measures the same kinds on whole sites.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { crawl } from '../../../crawler/crawl.ts';
import { hasBrowser } from '../../../crawler/fetch/browser.ts';
import { temporaryCorpus } from '../../helpers/corpus.ts';
import { picture } from '../../helpers/picture.ts';
import { startSite } from '../../helpers/site.ts';

const browserPath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);
const skip = browserPath === undefined && !(await hasBrowser(undefined)) ? 'there is no browser' : false;
const browser = { ...(browserPath === undefined ? {} : { browserPath }), browserSandbox: false } as const;

const kinds: Readonly<Record<string, (file: string, alt: string) => string>> = {
  plain: (file, alt) => `<img src="${file}" alt="${alt}">`,
  lazy: (file, alt) =>
    `<img class="lazy" src="data:image/gif;base64,R0lGODlhAQABAAAAACw=" data-src="${file}" alt="${alt}">`,
  srcset: (file, alt) => `<img src="/small.jpg" srcset="/small.jpg 40w, ${file} 512w" sizes="100vw" alt="${alt}">`,
  picture: (file, alt) =>
    `<picture><source type="image/x-none" srcset="/missing.xyz"><img src="${file}" alt="${alt}"></picture>`,
  script: (file, alt) => `<img src="${file}" alt="${alt}">`,
};
const paragraph = `<p>${'A paragraph about the lake, its boats and the people who live by it. '.repeat(5)}</p>`;

/** Each kind on two pages of two figures; the figures of `script` exist only after a script ran. */
function pages(): { routes: Record<string, string>; expected: string[]; files: string[] } {
  const routes: Record<string, string> = {};
  const expected: string[] = [];
  const files: string[] = [];
  const names = Object.keys(kinds).flatMap((kind) => [`${kind}-1`, `${kind}-2`]);
  for (const name of names) {
    const kind = name.split('-')[0]!;
    const figures = [1, 2].map((n) => {
      const file = `/media/${name}-${n}.jpg`;
      const [alt, caption] = [`Boat ${n} of ${name}, drawn in pencil`, `Figure ${n} of ${name} (credit: “A. Body”)`];
      files.push(file);
      expected.push(`${file} | alt | ${alt}`, `${file} | caption | ${caption}`);
      return `<figure>${kinds[kind]!(file, alt)}<figcaption>${caption}</figcaption></figure>`;
    });
    const body = `<h1>${name}</h1>${paragraph}${figures.join(paragraph)}`;
    const article =
      kind === 'script'
        ? `<article id="text"></article><script>document.getElementById("text").innerHTML = ${JSON.stringify(body).replaceAll('/', '\\/')}</script>`
        : `<article>${body}</article>`;
    routes[`/${name}.html`] = `<!doctype html><html lang="en"><head><title>${name}</title></head><body>
      <header><a href="/"><img src="/logo.png" alt="Home" width="48" height="48"></a></header><main>${article}</main>
      <aside class="ad"><a href="https://ads.invalid/x"><img src="/banner-728x90.png" alt="Save 20% today"></a>
      <img src="/pixel.gif" alt="" width="1" height="1"></aside><footer><img src="/avatar.png" alt="Profile photo"></footer></body></html>`;
  }
  routes['/'] = names.map((name) => `<a href="/${name}.html">${name}</a>`).join(' ');
  return { routes, expected: expected.sort(), files };
}

test('every content image with both texts, however it is shown, and no decoration', { skip }, async (t) => {
  const { routes, expected, files } = pages();
  const pictures = await Promise.all(files.map(async (file, i) => [file, await picture(i)] as const));
  const decoration = await Promise.all(
    ['/logo.png', '/banner-728x90.png', '/pixel.gif', '/avatar.png', '/small.jpg'].map(
      async (file, i) => [file, await picture(100 + i)] as const,
    ),
  );
  const site = await startSite({ routes: { ...routes, ...Object.fromEntries([...pictures, ...decoration]) } });
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  const summary = await crawl(
    { seeds: [site.url], corpusDir: corpus.dir, allowPrivate: true, minDelayMs: 0, ...browser },
    corpus,
  );
  assert.equal(summary.rendered, 2);
  const images = corpus.images();
  const seen = corpus
    .pairs()
    // Pairs of a picture that repeats are kept for when more of the site is read.
    .filter((pair) => images[pair.split(' | ')[0]!] !== 'decoration-repeated')
    .map((pair) => pair.split(' | ').slice(0, 3).join(' | '))
    .filter((pair) => !/ \| (?:heading|nearby) \| /.test(pair));
  assert.deepEqual(seen, expected);
  assert.deepEqual(
    Object.entries(images)
      .filter(([, status]) => status === 'success')
      .map(([path]) => path),
    files.sort(),
  );
});
