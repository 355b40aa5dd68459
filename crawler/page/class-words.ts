/**
 * The parts of a page, told by landmarks (HTML elements and ARIA roles) and by the class and id words that sites without
 * landmarks use: where furniture stands, where the content is, what wraps an image and what is its caption.
 */
import type { Element } from 'domhandler';
import type { Region } from './dominant.ts';

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
    /^(?:(?:site|main|primary|secondary|page|global|top|side)-?nav(?:igation)?|nav|navbar|navbox|navigation|navheader|navfooter|menu|main-?menu|breadcrumbs?|pagination|pager|toc|toolbar)$/,
  ],
  [
    'aside',
    /^(?:sidebar|side-?bar|left-?sidebar|right-?sidebar|sidebar-(?:left|right|primary|secondary|first|second)|rail|right-?rail|widget|widget-?area|infobar|[acft]?mbox|ambox|sistersitebox|sphinxsidebar)$/,
  ],
  ['footer', /^(?:(?:site|page|global|main)-?footer|footer|foot|colophon|bottom-?bar)$/],
  ['social', /^(?:social(?:-\w+)*|share(?:-\w+)*|sharing|sharedaddy|share-?this|addthis\w*|follow-?us)$/],
  [
    'related',
    /^(?:related(?:-\w+)*|jp-relatedposts|recommended|recommendations|more-stories|read-?more|you-?may-?like|see-?also|also-?read|yarpp\w*)$/,
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
const anyRegion = new RegExp(words.map(([, pattern]) => pattern.source).join('|'));

/** Where content systems put the article: WordPress, MediaWiki, Drupal, Blogger, Ghost, Sphinx, news sites. */
const mainWord =
  /^(?:(?:main|page|post|entry|article|story|body)-?(?:content|body|text)|mw-content-text|mw-parser-output|bodycontent|maincontent|hentry|articlebody)$/;
const figureWord =
  /^(?:figure|fig|thumb|thumbinner|thumbnail-caption|wp-caption|caption-?(?:box|container|wrapper|image)|image-?(?:block|wrapper|container|caption)|img-?(?:wrapper|container|caption)|media-?object|informalfigure|screenshot|photo|illustration|gallery-?(?:item|icon|box)|tsingle|picture-?box|tr-caption-container|infobox-image)$/;
const captionWord = /(?:caption|captions|(?:^|-)legend|^gallerytext)(?:-?(?:text|content|body|inner|dd|title))?$/;

/** Words about a wrapper, not about a caption's text. */
const aboutCaption = /^(?:has|with|no|without|hide|wp)-/;

/** What class and id words say of an element. */
export interface PartWords {
  readonly region: Region | null;
  /** The same inside the content, where "header" is the article's own. */
  readonly regionInMain: Region | null;
  readonly main: boolean;
  /** Wraps an image and its caption on sites that do without `figure`. */
  readonly figure: boolean;
  readonly caption: boolean;
  /** DocBook's and AsciiDoc's caption of a figure. */
  readonly title: boolean;
}

const silent: PartWords = {
  region: null,
  regionInMain: null,
  main: false,
  figure: false,
  caption: false,
  title: false,
};

/** Longest class or id that is read, in characters: utility classes fill some hundred, more is no name. */
const longestLabels = 2000;

/** Reads the words of a class or id attribute. */
export function partWords(labels: string): PartWords {
  const parts = { ...silent };
  for (const label of labels.slice(0, longestLabels).toLowerCase().replace(/[-_]+/g, '-').split(/\s+/)) {
    if (label === '') continue;
    if (anyRegion.test(label)) {
      const [region] = words.find(([, pattern]) => pattern.test(label))!;
      parts.region ??= region;
      if (region !== 'header') parts.regionInMain ??= region;
    }
    parts.main ||= mainWord.test(label);
    parts.figure ||= figureWord.test(label);
    parts.caption ||= captionWord.test(label) && (!aboutCaption.test(label) || label.startsWith('wp-caption-'));
    parts.title ||= label === 'title';
  }
  return parts;
}

/** Reads elements of one page; a page repeats its classes, so each is looked at once. */
export function openPartReader(): (element: Element) => PartWords {
  const known = new Map<string, PartWords>();
  return ({ attribs }) => {
    const { class: classes, id } = attribs;
    if (!classes && !id) return silent;
    const labels = !classes ? id! : !id ? classes : `${classes} ${id}`;
    let parts = known.get(labels);
    if (parts === undefined) {
      parts = partWords(labels);
      known.set(labels, parts);
    }
    return parts;
  };
}

/** The furniture region that an element opens, or null. A header inside the content belongs to the content. */
export function regionOf({ name, attribs }: Element, parts: PartWords, inMain: boolean): Region | null {
  if (name === 'html' || name === 'body' || name === 'main' || name === 'img' || name === 'figure') return null;
  const named = landmark[name] ?? (attribs.role === undefined ? undefined : role[attribs.role]) ?? null;
  const worded = inMain ? parts.regionInMain : parts.region;
  return worded ?? (named === 'header' && inMain ? null : named);
}

const paragraphNames = new Set(['p', 'li', 'dd', 'blockquote', 'td']);
const paragraphClasses = /^(?:para|paragraph|simpara|text)$/;

/** Elements that hold a paragraph of text, on sites with and without `p`. */
export const isParagraph = ({ name, attribs }: Element): boolean =>
  paragraphNames.has(name) || (name === 'div' && attribs.class !== undefined && paragraphClasses.test(attribs.class));
