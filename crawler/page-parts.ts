/**
 * The parts of a page, told by landmarks (HTML elements and ARIA roles) and by the class and id words that sites without
 * landmarks use: where furniture stands, what wraps an image with its caption.
 */
import type { Element } from 'domhandler';
import type { Region } from './dominant.ts';
import { isElement, textOf } from './texts.ts';

const landmark: Readonly<Record<string, Region>> = {
  header: 'header',
  nav: 'navigation',
  aside: 'aside',
  footer: 'footer',
  dialog: 'overlay',
};
const role: Readonly<Record<string, Region>> = {
  banner: 'header',
  navigation: 'navigation',
  menubar: 'navigation',
  menu: 'navigation',
  complementary: 'aside',
  contentinfo: 'footer',
  dialog: 'overlay',
  alertdialog: 'overlay',
};

/** Whole words of class and id, so that `has-sidebar` on a wrapper says nothing about what it wraps. */
const words: readonly (readonly [Region, RegExp])[] = [
  [
    'advert',
    /^(?:ads?|adv|advert\w*|ad-\w+|ads-\w+|\w+-ads?|adsbygoogle|adsense|adslot|banner-ad|sponsor(?:ed|s|ship)?|promo(?:tion)?s?|dfp|taboola|outbrain)$/,
  ],
  [
    'header',
    /^(?:(?:site|page|global|main|top)-?header|header|masthead|top-?bar|branding|site-?branding|site-?logo|logo)$/,
  ],
  [
    'navigation',
    /^(?:(?:site|main|primary|secondary|page|global|top|side)-?nav(?:igation)?|nav|navbar|navigation|navheader|navfooter|menu|main-?menu|breadcrumbs?|pagination|pager|toc|toolbar)$/,
  ],
  [
    'aside',
    /^(?:sidebar|side-?bar|left-?sidebar|right-?sidebar|sidebar-(?:left|right|primary|secondary|first|second)|rail|right-?rail|widget|widget-?area|infobar)$/,
  ],
  ['footer', /^(?:(?:site|page|global|main)-?footer|footer|foot|colophon|bottom-?bar)$/],
  ['social', /^(?:social(?:-\w+)*|share(?:-\w+)*|sharing|sharedaddy|share-?this|addthis\w*|follow-?us)$/],
  [
    'related',
    /^(?:related(?:-\w+)*|recommended|recommendations|more-stories|read-?more|you-?may-?like|see-?also|also-?read|yarpp\w*)$/,
  ],
  ['comments', /^(?:comments?|comment-?list|comment-?respond|disqus\w*)$/],
  [
    'author',
    /^(?:author|author-?(?:bio|box|info|card)|by-?line|about-?(?:the-?)?author|avatar|user-?card|profile-?(?:pic|photo|image))$/,
  ],
  [
    'overlay',
    /^(?:cookies?|cookie-?(?:banner|notice|consent|bar)|consent|gdpr|modal|popup|pop-?up|lightbox-?overlay|newsletter(?:-\w+)*)$/,
  ],
];
const anyWord = new RegExp(words.map(([, pattern]) => pattern.source).join('|'));

/** The furniture region that an element opens, or null. A header inside the content belongs to the content. */
export function regionOf({ name, attribs }: Element, inMain: boolean): Region | null {
  if (name === 'html' || name === 'body' || name === 'main' || name === 'img' || name === 'figure') return null;
  const named = landmark[name] ?? (attribs.role === undefined ? undefined : role[attribs.role]) ?? null;
  const labels =
    attribs.class === undefined
      ? attribs.id
      : attribs.id === undefined
        ? attribs.class
        : `${attribs.class} ${attribs.id}`;
  if (labels !== undefined && labels !== '') {
    for (const label of labels.toLowerCase().replaceAll('_', '-').split(/\s+/)) {
      if (!anyWord.test(label)) continue;
      const [region] = words.find(([, pattern]) => pattern.test(label))!;
      // Inside the content, "header" is the article's own.
      if (region !== 'header' || !inMain) return region;
    }
  }
  return named === 'header' && inMain ? null : named;
}

const figureWord =
  /^(?:figure|fig|thumb|thumbinner|thumbnail-caption|wp-caption|caption-?(?:box|container|wrapper|image)|image-?(?:block|wrapper|container|caption)|img-?(?:wrapper|container|caption)|media-?object|informalfigure|photo|illustration|gallery-?(?:item|icon)|tsingle|picture-?box)$/;

/** True for the class of an element that wraps an image and its caption on sites that do without `figure`. */
export function isFigureClass(classes: string | undefined): boolean {
  if (classes === undefined || classes === '') return false;
  return classes
    .toLowerCase()
    .replaceAll('_', '-')
    .split(/\s+/)
    .some((word) => figureWord.test(word));
}

const captionWord =
  /(?:^|-)(?:caption|captions|figcaption|legend|thumbcaption|wp-caption-text|caption-text|wp-caption-dd)(?:-text)?$/;

/** The caption in a figure: `figcaption`, else a class that says caption, else (DocBook, AsciiDoc) a title. */
export function captionOf(figure: Element, known: Map<Element, string>): string {
  const before = known.get(figure);
  if (before !== undefined) return before;
  let byTag: Element | null = null;
  let byClass: Element | null = null;
  let byTitle: Element | null = null;
  let visited = 0;
  const stack: Element[] = [figure];
  while (stack.length > 0 && !byTag && visited < 2000) {
    const node = stack.pop()!;
    visited += 1;
    for (let i = node.children.length - 1; i >= 0; i--) {
      const child = node.children[i]!;
      if (!isElement(child)) continue;
      const classes = (child.attribs.class ?? '').toLowerCase().replaceAll('_', '-');
      if (child.name === 'figcaption') byTag = child;
      else if (classes !== '' && classes.split(/\s+/).some((word) => captionWord.test(word))) byClass = child;
      else if (classes.split(/\s+/).includes('title')) byTitle = child;
      stack.push(child);
    }
  }
  const caption = byTag ?? byClass ?? byTitle;
  const text = caption ? textOf(caption) : '';
  known.set(figure, text);
  return text;
}
