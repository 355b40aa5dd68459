/**
 * The words in class and id by which sites without landmarks name the parts of a page: boilerplate regions, the main content,
 * what wraps an image, and what is its caption.
 */
import type { Element } from 'domhandler';
import { remembered } from './remembered.ts';

/** A part of a page that holds boilerplate, by landmark or class word. */
export type Region =
  | 'header'
  | 'navigation'
  | 'aside'
  | 'footer'
  | 'advert'
  | 'social'
  | 'related'
  | 'comments'
  | 'author'
  | 'overlay';

/** Whole words of class and id, so that `has-sidebar` on a wrapper says nothing about what it wraps. */
const regionWords: readonly (readonly [Region, RegExp])[] = [
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
const anyRegion = new RegExp(regionWords.map(([, pattern]) => pattern.source).join('|'));

/** Where content systems put the article: WordPress, MediaWiki, Drupal, Blogger, Ghost, Sphinx, news sites. */
const mainWord =
  /^(?:(?:main|page|post|entry|article|story|body)-?(?:content|body|text)|mw-content-text|mw-parser-output|bodycontent|maincontent|hentry|articlebody)$/;
const figureWord =
  /^(?:figure|fig|thumb|thumbinner|thumbnail-caption|wp-caption|caption-?(?:box|container|wrapper|image)|image-?(?:block|wrapper|container|caption)|img-?(?:wrapper|container|caption)|media-?object|informalfigure|screenshot|photo|illustration|gallery-?(?:item|icon|box)|tsingle|picture-?box|tr-caption-container|infobox-image)$/;
const captionWord = /(?:caption|captions|(?:^|-)legend|^gallerytext)(?:-?(?:text|content|body|inner|dd|title))?$/;

/** Words that describe a wrapper of a caption, not the caption. */
const captionWrapperWord = /^(?:has|with|no|without|hide|wp)-/;

/** What the class and id of an element say that it is. */
export interface ClassWords {
  readonly region: Region | null;
  /** The same inside the main content, where a header is the article's own. */
  readonly regionInMain: Region | null;
  readonly main: boolean;
  /** Wraps an image and its caption, as `figure` does. */
  readonly figure: boolean;
  readonly caption: boolean;
  /** DocBook's and AsciiDoc's caption of a figure. */
  readonly title: boolean;
}

const noWords: ClassWords = {
  region: null,
  regionInMain: null,
  main: false,
  figure: false,
  caption: false,
  title: false,
};

/** UTF-16 units of class and id that are read. Ours: utility classes fill some hundred. */
const maxLabelsLength = 2000;

/** What one word says. */
function readWord(word: string): ClassWords {
  const region = anyRegion.test(word) ? regionWords.find(([, pattern]) => pattern.test(word))![0] : null;
  const words: ClassWords = {
    region,
    regionInMain: region === 'header' ? null : region,
    main: mainWord.test(word),
    figure: figureWord.test(word),
    caption: captionWord.test(word) && (!captionWrapperWord.test(word) || word.startsWith('wp-caption-')),
    title: word === 'title',
  };
  return Object.values(words).some((value) => value !== null && value !== false) ? words : noWords;
}

/** Limits are ours: utility classes of a site are some thousand. */
const wordsOf = remembered(readWord, { maxTexts: 10_000, maxLength: 40 });

function readLabels(labels: string): ClassWords {
  const text = uniform(labels.slice(0, maxLabelsLength));
  let all = noWords;
  for (let at = 0; at < text.length; ) {
    const start = at;
    while (at < text.length && text.charCodeAt(at) !== space) at += 1;
    if (at > start) all = joined(all, wordsOf(text.slice(start, at)));
    at += 1;
  }
  return all;
}

const space = 32;

/** Capitals, underscores, hyphens in a row, and white space other than a space: few classes have them. */
const uneven = /[A-Z_]|--|[^\x20-\x7e]/;

/** In lower case, with single hyphens in words and spaces between them. */
const uniform = (labels: string): string =>
  uneven.test(labels) ? labels.toLowerCase().replace(/[-_]+/g, '-').replace(/\s/g, ' ') : labels;

function joined(all: ClassWords, words: ClassWords): ClassWords {
  if (words === noWords) return all;
  if (all === noWords) return words;
  return {
    region: all.region ?? words.region,
    regionInMain: all.regionInMain ?? words.regionInMain,
    main: all.main || words.main,
    figure: all.figure || words.figure,
    caption: all.caption || words.caption,
    title: all.title || words.title,
  };
}

/** Ours: pages have some hundred different classes. */
const labelledWords = remembered(readLabels, { maxTexts: 20_000, maxLength: 200 });

/** What the class and id of an element say. */
export function classWordsOf({ attribs }: Element): ClassWords {
  const { class: classes = '', id = '' } = attribs;
  if (id === '') return classes === '' ? noWords : labelledWords(classes);
  if (classes.length + id.length >= maxLabelsLength) return readLabels(`${classes} ${id}`);
  // Ids with a number are of one element.
  const byId = /\d/.test(id) ? readLabels(id) : labelledWords(id);
  return classes === '' ? byId : joined(labelledWords(classes), byId);
}
