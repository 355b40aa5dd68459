/** The images by which a page wants to be shown elsewhere: Open Graph (with its arrays), Twitter cards, `image_src`. */
import type { SourcedText } from '../../dataset/pair.ts';
import { normaliseUrl } from '../policy/url.ts';
import { cleanText } from './clean-text.ts';

/** Ours: shops list some twenty pictures of a product. */
const mostShared = 50;

const address = /^(?:og:image(?::(?:url|secure_url))?|twitter:image(?::src)?|image)$/;
const alternative = /^(?:og|twitter):image:alt$/;

export interface SharedImages {
  readonly meta: (key: string, content: string) => void;
  /** URL to texts; descriptions of the page go to its first image. */
  readonly images: (base: string) => ReadonlyMap<string, readonly SourcedText[]>;
}

/** Gathers the meta tags of one page in their order: an alternative text belongs to the image named before it. */
export function openSharedImages(): SharedImages {
  const entries: { readonly kind: string; readonly address: string; alt: string }[] = [];
  const descriptions: string[] = [];
  return {
    meta: (key, content) => {
      if (address.test(key)) {
        if (entries.length < mostShared) entries.push({ kind: key.slice(0, 2), address: content, alt: '' });
      } else if (alternative.test(key)) {
        for (let i = entries.length - 1; i >= 0 && entries[i]!.alt === ''; i--) {
          const entry = entries[i]!;
          if (entry.kind !== key.slice(0, 2)) continue;
          entry.alt = content;
          // The same picture again under another name, as `og:image:secure_url`.
          if (
            i === 0 ||
            entries[i - 1]!.kind !== entry.kind ||
            fileOf(entries[i - 1]!.address) !== fileOf(entry.address)
          )
            break;
        }
      } else if (key === 'og:description' || key === 'twitter:description') {
        if (descriptions.length < 2) descriptions.push(content);
      }
    },
    images: (base) => {
      const images = new Map<string, SourcedText[]>();
      for (const { address: href, alt } of entries) {
        const url = href.trim() === '' ? null : normaliseUrl(href.trim(), base);
        if (url === null) continue;
        const isFirst = images.size === 0;
        const texts = images.get(url) ?? [];
        const add = (source: SourcedText['source'], raw: string): void => {
          const text = cleanText(raw);
          if (text !== '') texts.push({ source, text });
        };
        add('alt', alt);
        if (isFirst) for (const description of descriptions) add('og', description);
        images.set(url, texts);
      }
      return images;
    },
  };
}

const fileOf = (href: string): string => href.slice(href.lastIndexOf('/') + 1);
