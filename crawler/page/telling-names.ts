/** Words in names, classes and hosts that tell of decoration. None decides: they are signs among others. */

const decorationName =
  /(?:^|[^a-z])(?:logos?|logotype|icons?|ico|favicon|sprites?|avatars?|gravatar|buttons?|btn|banners?|spacer|blank|badges?|bullet|arrows?|emojis?|smil(?:ey|ies)|spinner|loader|loading|placeholder|divider|separator|captcha|tracking|beacon|advert\w*|adserver|doubleclick|sponsors?|promo|widgets?|counter|flags?|rating|stars?|thumbsup|powered)(?:[^a-z]|$)/;

/** Names of the icons of documentation: admonitions (DocBook, AsciiDoc) and buttons. */
const iconWord =
  '(?:note|tip|hint|warning|caution|important|danger|info|next|prev|previous|up|home|toc|back|forward|top|search|print|rss|feed|close|menu|edit|external|link|email|mail|pdf|download|draft)';
const iconName = new RegExp(String.raw`^${iconWord}[-_]?\d{0,3}\.[a-z]{3,4}$`);

/** Without "placeholder" and "widget", which are classes of wrappers of lazy images and of page builders. */
const decorationClass =
  /(?:^|[^a-z])(?:logos?|logotype|icons?|ico|favicon|sprites?|avatars?|gravatar|buttons?|btn|pixel|spacer|badges?|bullet|emojis?|smil(?:ey|ies)|spinner|captcha|tracking|beacon|advert\w*|adserver|doubleclick|sponsors?|flags?|rating|stars?|latex|tex|math|equation|mwe-math\S*)(?:[^a-z]|$)/;

/** Typeset formulas, as Sphinx, MediaWiki and WordPress class them. */
const formulaClass = /(?:^|[^a-z])(?:latex|tex|math|equation|mwe-math\S*)(?:[^a-z]|$)/;

/** Hosts that serve only counters, adverts, avatars and badges. */
const decorationHost =
  /(?:^|\.)(?:gravatar\.com|shields\.io|badge\.fury\.io|doubleclick\.net|googlesyndication\.com|google-analytics\.com|scorecardresearch\.com|statcounter\.com|quantserve\.com|feedburner\.com|2mdn\.net|amazon-adsystem\.com)$/;

/** Words by which an alternative text says that a picture is a sign or a portrait. */
const decorationAlt =
  /(?:^|[^a-z])(?:logos?|logotype|icons?|avatars?|profile (?:picture|photo|image)|headshot|badges?|ratings?|stars?|arrow|banner|reviews? by|photo of the author|author|powered by|app store|google play)(?:[^a-z]|$)/;

/** How the web before pictures, and DocBook, name a sign: "[Note]", "[1]". Museums write titles of their own in brackets. */
const bracketedAlt = new RegExp(
  String.raw`^\[ ?(?:${iconWord}|image|img|picture|photo|icon|logo|dir|txt|new)? ?\d{0,3} ?\]$`,
  'i',
);

export const isTellingAlt = (alt: string): boolean => bracketedAlt.test(alt) || decorationAlt.test(alt.toLowerCase());

/** `name` is the last part of a path, as `fileName` gives it. */
export const isTellingName = (name: string): boolean => decorationName.test(name) || iconName.test(name);

export const isTellingClass = (classes: string): boolean => decorationClass.test(classes);

export const isFormulaClass = (classes: string): boolean => formulaClass.test(classes);

export const isTellingHost = (hostname: string): boolean => decorationHost.test(hostname);

/** UTF-16 units. */
const maxNameLength = 200;

/** The last path segment in lower case, camel case split. The folders before it describe the site rather than the image. */
export function fileName(pathname: string): string {
  const name = pathname.slice(pathname.lastIndexOf('/') + 1).slice(-maxNameLength);
  return name.replace(/([a-z])([A-Z])/g, '$1-$2').toLowerCase();
}
