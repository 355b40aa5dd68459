/** The pictures that Python's trafilatura keeps of a page, with their alt texts and titles. */
import { execFileSync } from 'node:child_process';
import { absoluteUrl, keyOf } from '../../crawler/policy/url.ts';
import type { KeptPicture } from './score.ts';

const program = `
import json, sys
from lxml import etree
import trafilatura
html, url = json.load(sys.stdin)
out = trafilatura.extract(html, url=url, include_images=True, output_format='xml') or '<doc/>'
print(json.dumps([[g.get('src') or '', g.get('alt') or '', g.get('title') or ''] for g in etree.fromstring(out.encode()).iter('graphic')]))
`;

export function trafilaturaPictures(python: string, html: string, url: string): KeptPicture[] {
  const output = execFileSync(python, ['-c', program], { input: JSON.stringify([html, url]), maxBuffer: 1 << 26 });
  const found = JSON.parse(output.toString()) as [string, string, string][];
  return found.flatMap(([src, ...texts]) => {
    const absolute = absoluteUrl(src, url);
    const said = texts.filter((text) => text.trim() !== '').map((text) => ({ source: 'alt or title', text }));
    return absolute === null || said.length === 0 ? [] : [{ keys: [keyOf(absolute)], texts: said }];
  });
}
