/**
 * What the classes around a picture say of it, in the words that sites share: people, brands, menus, offers.
 * Unlike regions (class-words.ts) none decides; each is a feature with a learned weight.
 */
import type { Element } from 'domhandler';
import { oncePerElement } from './once-per-element.ts';
import { remembered } from './remembered.ts';
import { isElement } from './walk.ts';

const whole = (words: string): RegExp => new RegExp(`(?:^|[^a-z])(?:${words})(?:[^a-z]|$)`);

const signs: readonly (readonly [name: string, pattern: RegExp])[] = [
  [
    'class-person',
    whole(
      'authors?|avatars?|profiles?|users?|reviews?|reviewers?|testimonials?|bylines?|headshots?|customers?|quotes?|bio',
    ),
  ],
  [
    'class-brand',
    whole(
      'logos?|brands?|partners?|clients?|sponsors?|trust|trusted|awards?|badges?|certified|certifications?|press|payments?|icons?',
    ),
  ],
  ['class-menu', whole('menus?|nav|navs|navbar|navigation|dropdown|mega|drawer|header|topbar|footer|sidebar|search')],
  [
    'class-offer',
    whole('banners?|cta|newsletters?|subscribe|signup|popup|modal|ads?|advert|adverts|offers?|cookies?|download'),
  ],
];

/** Ancestors of a picture whose classes are read. Ours. */
const maxAncestors = 6;

/** UTF-16 units of class and id. */
const maxLabelLength = 300;

/** Ours: around the pictures of a page there are some hundred different labels. */
const signsIn = remembered(
  (label: string): readonly string[] => {
    const words = label.replace(/([a-z])([A-Z])/g, '$1-$2').toLowerCase();
    return signs.filter(([, pattern]) => pattern.test(words)).map(([name]) => name);
  },
  { maxTexts: 10_000, maxLength: maxLabelLength },
);

const noSigns: readonly string[] = [];

/** A reader for the pictures of one page: the names of the signs around a picture, up to an element that holds most of the text. */
export function classSignReader(holdsText: (element: Element) => boolean): (element: Element) => ReadonlySet<string> {
  const signsOf = oncePerElement(({ attribs: { class: classes = '', id = '' } }): readonly string[] => {
    const label = `${classes} ${id}`.trim().slice(0, maxLabelLength);
    return label === '' ? noSigns : signsIn(label);
  });
  return (element) => {
    const all = new Set<string>();
    let node: Element['parent'] = element;
    for (
      let step = 0;
      node && isElement(node) && step < maxAncestors && !holdsText(node);
      step += 1, node = node.parent
    )
      for (const sign of signsOf(node)) all.add(sign);
    return all;
  };
}
