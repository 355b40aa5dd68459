/** The features of image-features.ts in words, for people who ask why a picture is what it is. */
const meanings: ReadonlyMap<string, string> = new Map([
  ['region-header', 'in the header'],
  ['region-navigation', 'in the navigation'],
  ['region-aside', 'beside the content'],
  ['region-footer', 'in the footer'],
  ['region-advert', 'among adverts or social networks'],
  ['region-related', 'among links to other pages'],
  ['region-comments', 'in the comments'],
  ['region-author', 'in a box about the author'],
  ['in-main', 'in main or article'],
  ['in-text', 'in the running text'],
  ['in-text-rich', 'in much running text'],
  ['after-text-rich', 'below much running text'],
  ['in-figure', 'in a figure'],
  ['has-caption', 'with a caption'],
  ['near-title', 'near the title'],
  ['hidden', 'not shown at first'],
  ['related-item', 'under a heading for other pages'],
  ['size', 'size'],
  ['icon-size', 'no larger than an icon'],
  ['stripe', 'shape of a banner'],
  ['link-image', 'linked to an image file'],
  ['link-home', 'linked home'],
  ['card-linked', 'in a card that leads to another page'],
  ['leads-words', 'leads away from a page about one thing'],
  ['linked-outside-text-rich', 'linked to another page, outside of much running text'],
  ['below-own-path', 'leads to a page below this one'],
  ['likes', 'others like it'],
  ['linked-list', 'in the page’s list of links'],
  ['places', 'repeated on the page'],
  ['alt-words', 'described'],
  ['alt-missing', 'no alt text'],
  ['alt-empty', 'empty alt text'],
  ['representative', 'named as the page’s picture'],
  ['telling-name', 'named like decoration'],
  ['telling-class', 'classed as decoration'],
  ['svg', 'a drawing'],
]);

/** A feature in words; its name where another version of lait wrote it. */
export const featureMeaning = (name: string): string => meanings.get(name) ?? name;

/** For the test that there is one for each feature. */
export const knownFeatures: readonly string[] = [...meanings.keys()];
