/** Which pages are worth a browser. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { extractPage } from '../../../crawler/page/extract.ts';
import { needsBrowser } from '../../../crawler/page/needs-browser.ts';

const url = 'https://a.example/dir/page.html';

describe('pages that need a browser', () => {
  const text = 'A paragraph that says enough to be worth reading, and then some more. '.repeat(4);
  const cases = [
    { name: 'no scripts', html: '<div id=app></div>', why: null },
    { name: 'an empty root', html: `<p>${text}</p><div id=root></div><script src=x.js></script>`, why: 'empty-root' },
    {
      name: 'a page that says it is loading',
      html: `<p>${text}</p><div id=x>Loading…</div><script src=x.js></script>`,
      why: 'empty-root',
    },
    { name: 'a full root', html: `<div id=root><p>${text}</p></div><script src=x.js></script>`, why: null },
    {
      name: 'a script with images',
      html: `<p>${text}</p><div id=x></div><script>x.innerHTML = "<img src=a.jpg>"</script>`,
      why: 'script-writes-images',
    },
    {
      name: 'a page that asks for scripts',
      html: '<noscript>Please enable JavaScript.</noscript><script src=x.js></script>',
      why: 'asks-for-script',
    },
    {
      name: 'a figure that a script fills in',
      html: `<p>${text}</p><figure data-name="boat"><figcaption>A boat</figcaption></figure><script src=x.js></script>`,
      why: 'empty-figure',
    },
    {
      name: 'a figure of code',
      html: `<p>${text}</p><figure><pre>1 + 1</pre></figure><script src=x.js></script>`,
      why: null,
    },
    {
      name: 'an empty element with data',
      html: `<p>${text}</p><div data-gallery="boats.json"></div><script src=x.js></script>`,
      why: 'empty-container',
    },
    {
      name: 'an empty element beside an image',
      html: `<p>${text}<img src=a.jpg alt="A red boat"></p><div id=more></div><script src=x.js></script>`,
      why: null,
    },
    {
      name: 'a widget’s empty element',
      html: `<p>${text}</p><div id=fb-root></div><div id=cookie-notice></div><script src=x.js></script>`,
      why: null,
    },
    {
      name: 'a placeholder whose picture is nowhere',
      html: `<p>${text}</p><img src="img/spacer.gif" alt="A boat"><script src=x.js></script>`,
      why: 'placeholder-images',
    },
    {
      name: 'a script in the attribute of the body',
      html: `<body onload="location.href = '/next'"><p>Hi</p></body>`,
      why: 'thin-text',
    },
    { name: 'next to no text', html: '<p>Hi</p><script src=x.js></script>', why: 'thin-text' },
  ];
  const strong = new Set<string | null>(['empty-root', 'script-writes-images', 'empty-figure']);
  for (const { name, html, why } of cases) {
    test(name, () => {
      const { signs, images } = extractPage(html, url);
      assert.equal(needsBrowser(signs, images.length, { renderTries: 0, renderGains: 0 }), why);
      const after = (renderTries: number, renderGains: number): string | null =>
        needsBrowser(signs, images.length, { renderTries, renderGains });
      assert.equal(after(12, 3), why);
      assert.equal(after(3, 0), strong.has(why) ? why : null);
      assert.equal(after(12, 2), null);
    });
  }
});
