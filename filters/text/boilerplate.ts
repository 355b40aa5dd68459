/** Drops texts that a site writes for every picture: placeholders, profile pictures, adverts, requests to click. */
import { drop, type Filter, keep } from '../filter.ts';

/** The first two are CC3M's; the others are ours, from the alt texts of the sites used in the tests. Whole words. */
const phrases = [
  'embedded image permalink',
  'profile (?:photo|picture|image)',
  'image may contain',
  'no (?:photo|image|picture|description)(?: is)? available',
  '(?:photo|image|picture|preview) (?:is )?not (?:available|found|displayed)',
  'image (?:coming soon|unavailable|placeholder)',
  'placeholder (?:image|photo|picture)',
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
  settings: { phrases },
  sources: { phrases: 'CC3M and ours' },
  judge: ({ text }) => {
    if (boilerplate.test(text)) return drop('site-phrase');
    return mark.test(text) ? drop('site-mark') : keep;
  },
});
