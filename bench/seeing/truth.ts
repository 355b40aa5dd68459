/** The labels of one page, resolved in its tree: which addresses show which picture, and which texts are about it. */
import { createHash } from 'node:crypto';
import { type CheerioAPI, load } from 'cheerio';
import type { Element } from 'domhandler';
import { absoluteUrl, keyOf } from '../../crawler/policy/url.ts';
import type { LabelledPage, LabelledPicture, PictureClass } from './labels.ts';

export interface Picture {
  readonly class: PictureClass;
  /** Every address in the element, its `picture` and its link. */
  readonly urls: ReadonlySet<string>;
  readonly alt: string;
  /** Normalised texts about it. */
  readonly texts: readonly string[];
}

/** The pictures of a labelled page, each place once. */
export function picturesOf(page: LabelledPage, html: string): Picture[] {
  const $ = load(html);
  const base = absoluteUrl($('base[href]').attr('href') ?? '', page.url) ?? page.url;
  const resolve = (kind: PictureClass, [selector, refs]: LabelledPicture): Picture => {
    const element = $(expand(selector))[0] as Element | undefined;
    if (!element) throw new Error(`Expected ${selector} in ${page.path} but found nothing`);
    return {
      class: kind,
      urls: addressesOf(element, base),
      alt: element.attribs.alt ?? '',
      texts: refs.map((ref) => normalText(textAt($, element, ref))).filter((text) => text !== ''),
    };
  };
  return withoutPlaceholders([
    ...page.subject.map((picture) => resolve('subject', picture)),
    ...page.teaser.map((picture) => resolve('teaser', picture)),
    ...page.furniture.map((selector) => resolve('furniture', [selector, []])),
  ]);
}

/**
 * Takes away the addresses that pictures share which have other alternative texts and addresses of their own: one grey rectangle in
 * fifty lazy cards, or the page's own address, is no address of any of them.
 */
function withoutPlaceholders(pictures: readonly Picture[]): Picture[] {
  const holders = new Map<string, Picture[]>();
  for (const picture of pictures)
    for (const url of picture.urls) holders.set(url, [...(holders.get(url) ?? []), picture]);
  const hasOwn = (picture: Picture, other: Picture): boolean => [...picture.urls].some((url) => !other.urls.has(url));
  const isPlaceholder = (url: string): boolean => {
    const [first, ...others] = holders.get(url)!.filter(({ alt }) => alt.trim() !== '');
    return others.some((other) => other.alt !== first!.alt && hasOwn(first!, other) && hasOwn(other, first!));
  };
  const placeholders = new Set([...holders.keys()].filter(isPlaceholder));
  return pictures.map((picture) => ({
    ...picture,
    urls: new Set([...picture.urls].filter((url) => !placeholders.has(url))),
  }));
}

function textAt($: CheerioAPI, element: Element, ref: string): string {
  const { attribs } = element;
  const link = $(element).closest('a').attr();
  if (ref === 'alt' || ref === 'title') return attribs[ref] ?? '';
  if (ref === 'aria') return attribs['aria-label'] ?? '';
  if (ref === 'linktitle') return link?.title ?? '';
  if (ref === 'datacaption') return attribs['data-caption'] ?? link?.['data-caption'] ?? '';
  if (ref.startsWith('meta:')) {
    const name = ref.slice('meta:'.length);
    return $(`meta[property="${name}"],meta[name="${name}"]`)
      .toArray()
      .map((meta) => $(meta).attr('content') ?? '')
      .join('\n');
  }
  if (ref.startsWith('json-ld:')) return ref;
  return $(expand(ref)).text();
}

/** Labels write `>2` for `>:nth-child(2)`. */
const expand = (selector: string): string => selector.replace(/>(\d+)/g, '>:nth-child($1)');

/** The name of a text in JSON-LD, whose elements have no selector. */
export const jsonLdRef = (text: string): string =>
  `json-ld:${createHash('sha256').update(normalText(text)).digest('hex').slice(0, 12)}`;

/** Letters and digits only, so that quotes, dashes and white space of two readers do not count. */
export const normalText = (text: string): string =>
  text.startsWith('json-ld:')
    ? text
    : text
        .normalize('NFKC')
        .toLowerCase()
        .replace(/[^\p{L}\p{N}]+/gu, ' ')
        .trim();

const imageFile = /\.(?:jpe?g|png|gif|webp|avif)(?:$|[?#])/i;

function addressesOf(element: Element, base: string): Set<string> {
  const urls = new Set<string>();
  const add = (address: string): void => {
    const url = address === '' || address.startsWith('data:') ? null : absoluteUrl(address.trim(), base);
    if (url !== null) urls.add(keyOf(url));
  };
  const addAll = ({ attribs }: Element): void => {
    for (const [name, value] of Object.entries(attribs)) {
      if (value.length > 20_000 || ['alt', 'class', 'title', 'type'].includes(name)) continue;
      if (/srcset|data-original-set/.test(name))
        for (const part of value.split(/,\s+|\s+\S+,\s*/)) add(part.trim().split(/\s/)[0]!);
      else if (/^(?:data-)?src$/.test(name)) add(value);
      else if (name === 'style') for (const [, url] of value.matchAll(/url\(\s*["']?([^"')]+)/g)) add(url!);
      else if (/^\S+$/.test(value) && (value.includes('/') || imageFile.test(value))) add(value);
    }
  };
  addAll(element);
  const parent = element.parent as Element | null;
  if (parent?.name === 'picture') for (const source of parent.children) if (source.type === 'tag') addAll(source);
  for (let node = parent, step = 0; node && step < 6; node = node.parent as Element | null, step += 1)
    if (node.name === 'a' && imageFile.test(node.attribs.href ?? '')) add(node.attribs.href!);
  return urls;
}
