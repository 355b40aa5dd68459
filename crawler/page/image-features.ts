/**
 * What tells whether a picture is its page's subject: where it stands, how large it is shown, what it leads to, how many like it
 * there are, what is written at it. Each feature is a number, 0 where it does not hold; dominant.ts weighs them. None of them
 * decides alone, and a word in a name or class counts only where nothing describes the picture as content.
 */
import type { Element } from 'domhandler';
import { hostOf, pathOf } from '../policy/url.ts';
import { type ImageCandidate, isBackground } from './candidates.ts';
import type { Region } from './class-words.ts';
import type { LinkKind } from './links.ts';
import type { PageFacts } from './page-facts.ts';
import type { Surroundings } from './surroundings.ts';
import {
  fileName,
  isFormulaClass,
  isTellingAlt,
  isTellingClass,
  isTellingHost,
  isTellingName,
} from './telling-names.ts';
import { isElement } from './walk.ts';

export type Features = Readonly<Record<string, number>>;

/** The feature that is a sum of learned weights itself. */
export const classVocabulary = 'class-vocabulary';

/** Shorter side of an icon, in CSS pixels: toolbars and avatars go up to 64. */
const maxIconSidePx = 64;

/** CSS pixels, the longer side: half of it counts as much against a picture as double for it. Ours. */
const middlingSidePx = 200;

/** By so much a copy is larger, and no rounding of the same size. Ours. */
const minLargerRatio = 1.2;

/** Longer by so much than it is high, a picture is a line or a banner. Ours. */
const stripeRatio = 5;

/** Pictures from which on a group is a list. Ours. */
const minListLength = 3;

/** Images and texts between a picture and a title that is not marked as one. Ours. */
const unknownDistance = 8;

/** 10,000 letters of running text around a picture are an article; by the logarithm. Ours. */
const textAroundScale = 4;

/** Links of one card: to the page, its author, its topic. Ours. */
const maxCardLinks = 3;

/** The features of an image. `target` is where the link around it leads, `url` the file to take. */
export function featuresOf(
  candidate: ImageCandidate,
  facts: PageFacts,
  {
    target,
    link,
    hasCaption,
    isRepresentative,
    textAround,
  }: {
    readonly target: string | null;
    readonly link: LinkKind;
    readonly hasCaption: boolean;
    readonly isRepresentative: boolean;
    /** Letters of running text between the pictures before and after. */
    readonly textAround: number;
  },
): Features {
  const { element, surroundings, rank, url: shown } = candidate;
  const { attribs } = element;
  const features: Record<string, number> = {};
  const say = (name: string, value: number | boolean): void => {
    if (value !== false && value !== 0) features[name] = Number(value);
  };
  const { mainText, textRichness } = facts;

  // Where it stands.
  const region = regionOf(surroundings, facts);
  if (region !== null) say(`region-${region === 'social' ? 'advert' : region}`, region !== 'overlay');
  const isInText = mainText !== null && rank >= mainText.start && rank < mainText.end;
  const isAfterText = mainText !== null && rank >= mainText.end;
  say('in-text', isInText);
  say('in-text-rich', isInText && textRichness);
  say('in-text-of-article', isInText && textRichness * facts.addressWords);
  say('after-text-rich', isAfterText && textRichness);
  say('in-figure', surroundings.figure !== null);
  say('background', isBackground(element));
  say('has-caption', hasCaption);
  const toTitle = facts.titleRank === null ? unknownDistance : Math.abs(rank - facts.titleRank);
  say('near-title', 1 / (1 + toTitle / 4));
  say('related-item', facts.isUnderRelated(candidate) && facts.singleness);

  say('after-text', isAfterText);
  say('text-before', facts.textLength > 0 && candidate.textBefore / facts.textLength);
  say('text-around', Math.min(1, Math.log10(1 + textAround) / textAroundScale));
  say('position', facts.positionOf(candidate));
  say('on-home-page', facts.url.pathname === '/');
  say('single-page', facts.singleness);
  say('address-words', facts.addressWords);
  say('pictures', Math.min(1, Math.log2(facts.pictures) / 8));
  const signs = facts.classSigns(element);
  for (const sign of signs) say(sign, true);
  say('class-offer-single', signs.has('class-offer') && facts.singleness);

  say(classVocabulary, facts.classVocabulary(element));

  say('in-control', isInControl(element));
  say('lazy', attribs.loading === 'lazy');
  say('presentation', attribs['aria-hidden'] === 'true' || /^(?:presentation|none)$/.test(attribs.role ?? ''));

  // How large it is.
  const { width, height } = facts.fileOf(candidate).size;
  const longer = width === null && height === null ? null : Math.max(width ?? 0, height ?? 0);
  if (longer !== null) {
    say('size', Math.max(-2, Math.min(2, Math.log2(Math.max(1, longer) / middlingSidePx))));
    const largest = facts.largestOf(candidate) ?? 0;
    say('larger-copy', largest > minLargerRatio * longer && Math.min(2, Math.log2(largest / Math.max(1, longer))));
    say('icon-size', Math.min(width ?? longer, height ?? longer) <= maxIconSidePx);
  }
  const isStripe = width !== null && height !== null && Math.max(width, height) > stripeRatio * Math.min(width, height);
  say('stripe', isStripe);

  // What it leads to, and how many others do.
  say(`link-${link}`, link === 'image' || link === 'home' || link === 'same-site');
  const isLinked = link === 'same-site' || link === 'other-site';
  const cardLinks = isLinked ? 0 : facts.cardLinksOf(candidate);
  const isCard = cardLinks >= 1 && cardLinks <= maxCardLinks;
  say('card-dated', facts.isDated(candidate));
  const leads = isLinked || isCard;
  say('leads-words', leads && facts.addressWords);
  say('leads-words-after-text', leads && isAfterText && textRichness * facts.addressWords);
  say('linked-outside-text-rich', isLinked && !isInText && textRichness);
  say('below-own-path', isLinked && isBelow(target!, facts.url));
  const { count } = facts.likesOf(candidate);
  const likes = Math.min(1, Math.log2(count) / 4);
  say('likes', likes);
  say('linked-list', isLinked && count >= minListLength && count / facts.mostLikes);
  const places = facts.placesOf(candidate);
  say('places', Math.min(1, Math.log2(places.count) / 2));
  // One file that leads to many pages or has many descriptions waits for a script to put the picture in its place.
  say('stand-in', places.meanings.size >= minListLength);
  say('list-share', isLinked && count >= minListLength && count / facts.pictures);

  // What is said of it.
  const alt = attribs.alt?.trim();
  const isDescribed = wordCount(alt) >= minDescribingWords;
  say('alt-words', isDescribed);
  say('alt-words-leads-single', isDescribed && leads && facts.singleness);
  say('alt-title', facts.titleShareOf(alt ?? ''));
  say('alt-missing', alt === undefined);
  say('alt-empty', alt === '');
  say('alt-telling', alt !== undefined && alt.length < maxTellingLength && isTellingAlt(alt));
  say('small-class', isSmallClass(attribs.class));
  say('representative', isRepresentative);
  say('representative-likes', isRepresentative && likes);
  say('jpeg', /\.jpe?g(?:$|[?&/])/i.test(shown));
  Object.assign(features, nameFeatures(shown));
  if (isDescribed && link !== 'home' && region === null && !features['icon-size']) delete features['telling-name'];
  else if (hasCaption && region === null) delete features['telling-name'];
  const classes = classesOf(element);
  say('telling-class', isTellingClass(classes));
  say('formula', isFormulaClass(classes));
  return features;
}

/** Ancestors of a picture among which a control is searched. Ours. */
const maxControlDepth = 5;

const controlNames = new Set(['button', 'label', 'form', 'fieldset']);

/** Whether it is a part of a button or a choice, as swatches of colours are. */
function isInControl({ parent }: Element): boolean {
  let node: Element['parent'] = parent;
  for (let step = 0; node && isElement(node) && step < maxControlDepth; step += 1, node = node.parent)
    if (controlNames.has(node.name)) return true;
  return false;
}

/** UTF-16 units. A longer alternative text describes a picture. */
const maxTellingLength = 60;

/** Sides in Tailwind's classes, in quarters of 16 CSS pixels, and round pictures, which are of people. */
const isSmallClass = (classes = ''): boolean =>
  /(?:^|\s)(?:rounded-full|(?:[wh]|size)-(?:[1-9]|1[0-6])|(?:[wh]|size)-\[[1-6]?\dpx\])(?:\s|$)/.test(
    classes.slice(0, 500),
  );

/** Hosts that serve the still pictures of videos. */
const videoHost = /(?:^|\.)(?:ytimg\.com|img\.youtube\.com|vimeocdn\.com)$/;

/** What the address of a picture alone tells. */
export function nameFeatures(url: string): Features {
  const name = fileName(pathOf(url));
  const host = hostOf(url);
  return {
    ...(isTellingName(name) && { 'telling-name': 1 }),
    ...(isTellingHost(host) && { 'telling-host': 1 }),
    ...(name.endsWith('.svg') && { svg: 1 }),
    ...(videoHost.test(host) && { 'video-still': 1 }),
  };
}

/** Words from which on an alt text is a description and no label. Ours. */
export const minDescribingWords = 4;

/** Words of a short text; of a long one as many as matter. */
export function wordCount(text = ''): number {
  return text === '' ? 0 : text.split(/\s+/, 20).filter((word) => word !== '').length;
}

/** The boilerplate around it. What holds most of the page's text is none, whatever its class says. */
function regionOf({ region, element, outer }: Surroundings, { holdsText }: PageFacts): Region | null {
  if (region === null) return null;
  let opener = element;
  for (let at = outer; at && at.region !== null; at = at.outer) opener = at.element;
  return opener !== null && holdsText(opener) ? null : region;
}

function isBelow(target: string, { pathname }: URL): boolean {
  const own = pathname.replace(/\.\w+$/, '');
  const path = pathOf(target);
  return own.length > 1 && path.length > own.length && path.startsWith(own);
}

/** UTF-16 units. */
const maxClassesLength = 1000;

/** Class and id of the image and of a wrapper that holds little else. */
function classesOf({ attribs, parent }: Element): string {
  const wrapper = parent && isElement(parent) && parent.children.length <= 3 ? parent.attribs : {};
  return [attribs.class, attribs.id, wrapper.class, wrapper.id]
    .filter((label) => label !== undefined)
    .join(' ')
    .slice(0, maxClassesLength)
    .toLowerCase();
}
