/** The pictures that Python's trafilatura keeps of pages, with their alt texts and titles. */
import { execFileSync } from 'node:child_process';
import { absoluteUrl, keyOf } from '../../crawler/policy/url.ts';
import type { KeptPicture } from './score.ts';

const program = `
import json, sys
from lxml import etree
import trafilatura
for line in sys.stdin:
    html, url = json.loads(line)
    out = trafilatura.extract(html, url=url, include_images=True, output_format='xml') or '<doc/>'
    found = etree.fromstring(out.encode()).iter('graphic')
    print(json.dumps([[g.get('src') or '', g.get('alt') or '', g.get('title') or ''] for g in found]))
`;

/** For each page the pictures; `python` is a Python that has trafilatura. */
export function trafilaturaPictures(
  python: string,
  pages: readonly { readonly html: string; readonly url: string }[],
): KeptPicture[][] {
  const input = pages.map(({ html, url }) => `${JSON.stringify([html, url])}\n`).join('');
  const lines = execFileSync(python, ['-c', program], { input, maxBuffer: 1 << 28 })
    .toString()
    .trim()
    .split('\n');
  return lines.map((line, at) =>
    (JSON.parse(line) as [string, string, string][]).flatMap(([src, ...texts]) => {
      const absolute = absoluteUrl(src, pages[at]!.url);
      const said = texts.filter((text) => text.trim() !== '').map((text) => ({ source: 'alt or title', text }));
      return absolute === null || said.length === 0 ? [] : [{ keys: [keyOf(absolute)], texts: said }];
    }),
  );
}
