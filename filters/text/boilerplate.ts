/** Drops texts that a site writes for every picture: placeholders, profile pictures, adverts, requests to click. */
import { drop, type Filter, keep } from '../filter.ts';

/**
 * What a text begins or ends with (CC3M: certain patterns there). The first two are CC3M's, the others ours. Behind an article or
 * a possessive they are a noun: "a girl updating her profile picture".
 */
const affixes = [
  'embedded image permalink',
  'profile (?:photo|picture|image)',
  'image may contain',
  'placeholder (?:image|photo|picture)',
  '(?:free )?download (?:this|your|the|free|stock|our) (?:free |stock |royalty[- ]free |premium )*(?:image|photo|picture|vector|illustration)s?',
];
const noun = '(?:an?|the|this|that|his|her|my|your|their|our|its|new|old|of|for|with|in|as)';
const affix = new RegExp(
  `^(?:${affixes.join('|')})(?![\\p{L}\\p{N}])|(?<![\\p{L}\\p{N}])(?<!(?:^|[^\\p{L}\\p{N}])${noun} )(?:${affixes.join('|')})[.!]?$`,
  'iu',
);

/** Ours, from the alt texts of the sites used in the tests. Whole words, anywhere. */
const phrases = [
  'no (?:photo|image|picture|description)(?: is)? available',
  '(?:photo|image|picture|preview) (?:is )?not (?:available|found|displayed)',
  'image (?:coming soon|unavailable|placeholder)',
  'your browser does not support',
  'click here',
  'add to (?:cart|basket|wishlist)',
  '(?:share|follow us|like us) on (?:facebook|twitter|instagram|pinterest|linkedin|whatsapp)',
  'skip to (?:main )?content',
  '^advertisement$',
  'loading(?:\\.\\.\\.|…)',
];
const boilerplate = new RegExp(`(?<![\\p{L}\\p{N}])(?:${phrases.join('|')})(?![\\p{L}\\p{N}])`, 'iu');

/** A text that is nothing but the mark of a site. */
const mark = /^(?:the )?(?:\S+ ){0,4}(?:logo|icon|banner|avatar|thumbnail|button|spacer|screenshot|wordmark)$/iu;

export const textBoilerplate = (): Filter => ({
  name: 'text/boilerplate',
  version: 2, // CC3M's patterns at either end only
  settings: { affixes, phrases },
  sources: { affixes: 'CC3M and ours', phrases: 'ours' },
  judge: ({ text }) => {
    if (affix.test(text) || boilerplate.test(text)) return drop('site-phrase');
    return mark.test(text) ? drop('site-mark') : keep;
  },
});
