/**
 * Masks the full names of persons, as CC12M does: who it is cannot be seen in a picture, and people in it did not ask to be
 * learned by name. A full name is a title and a name ("Dr. Nkrumah"), a known given name and a surname, two initials and a
 * surname; a given name alone ("Anna") stays, as do names of places, bodies and days that hold one ("Washington Street").
 * Given names and surnames of 60 languages are @faker-js/faker's, common English words and WordNet's kinds of nouns (a fir is a
 * plant, Woolf a person) are wink-lexicon's. A name behind an article or before a noun is no person but what is called by it:
 * "the Rosetta Stone", "a Jackson Pollock painting", "Calvin Klein jeans".
 */
import { createRequire } from 'node:module';

/** CC12M's token. */
export const personMask = '<PERSON>';

/** Before a name these say that a person follows; they stay, since "Queen <PERSON>" still says what is to be seen. */
const titles = new Set(
  'mr mrs ms miss mx dr prof professor sir dame lady lord president senator governor congressman congresswoman judge justice general gen colonel col captain capt major lieutenant lt sergeant sgt admiral king queen prince princess emperor empress pope bishop archbishop cardinal father sister brother rabbi imam reverend rev chief chancellor minister secretary mayor sheriff chef coach ranger guide blogger biologist photographer artist painter sculptor poet singer actor actress author writer scientist astronaut pilot farmer nurse teacher engineer architect director designer sen gov rep emir sultan shah tsar czar kaiser'.split(
    ' ',
  ),
);

/** A run with one of these is a place, a body, a work, a day, a people: no person. */
const otherNames = new Set(
  'university college school institute academy museum gallery library hospital church cathedral chapel abbey temple mosque castle palace tower bridge hall house home building center centre theater theatre stadium arena station airport fort camp street avenue road lane boulevard square park garden gardens zoo forest river lake creek bay gulf sea ocean island islands isles mount mountain mountains hill hills valley canyon gorge desert beach coast cape city town county state states province territory territories district region republic kingdom empire union north south east west northern southern eastern western central new old great grand upper lower san santa saint sao los las el al-aqsa day eve year month festival games cup trophy prize award medal war battle treaty act amendment party convention congress senate parliament committee commission council court department ministry agency bureau office administration service society association foundation federation league club team company corporation inc ltd co corp bank press times post news journal magazine book hotel inn restaurant cafe bar shop store market mall airlines airways harbor harbour ferry brigade regiment division expedition exposition trail falls springs monument memorial observatory observation nova scotia domingo puerto costa cerro sierra rico tigers giants dodgers human rights crossing terrier spaniel retriever st sightseeing olympics railway railroad canal dam line lines army navy force corps guard police nation nations tribe people peoples indian indians american americans african british english french german italian spanish chinese japanese russian european asian latin canadian australian mexican brazilian egyptian siberian persian turkish dutch swiss swedish norwegian danish polish hungarian irish scottish welsh jewish christian muslim roman greek bible creative commons wikimedia flickr openstax january february march april may june july august september october november december monday tuesday wednesday thursday friday saturday sunday spring summer autumn fall winter christmas easter figure map plate room photograph photo portrait black white rose'.split(
    ' ',
  ),
);
const particles = 'de|da|di|du|del|della|dos|van|von|der|den|ter|la|le|al|bin|ibn|ben|y|af';
const particle = new RegExp(`^(?:${particles})$`);
const initials = /^(?:\p{Lu}\.)+$/u;
const abbreviation = /^(?:U\.S\.|U\.S\.S\.|U\.S\.A\.|U\.N\.|U\.K\.|D\.C\.|H\.M\.S\.)$/;
/** Bounded, or a text of capitals would be read again from each of them. */
const upper = "\\p{Lu}[\\p{L}\\p{M}]{0,30}(?:['’-]\\p{L}[\\p{L}\\p{M}]{1,30}){0,4}";
const word = `(?:(?:Mr|Mrs|Ms|Dr|Prof|Gen|Col|Capt|Lt|Sgt|Sen|Gov|Rep|Rev|Jr|Sr)\\.|(?:\\p{Lu}\\.){1,6}|${upper})`;

/** Two or more words in capitals, some of them joined by a particle. */
const run = new RegExp(
  `(?<![\\p{L}\\p{N}\\p{M}@#_<])${word}(?: (?:(?:${particles}) ){0,2}${word})+(?![\\p{L}\\p{M}_])`,
  'gu',
);
const maybe = /(?<=[\p{L}\p{M}'’.-]) (?:\p{Ll}{1,5} ){0,2}\p{Lu}/u;

/** States of the USA, of which three are given names too: a family name must follow ("Virginia Woolf"). */
const states =
  'alabama alaska arizona arkansas california carolina colorado columbia connecticut dakota delaware florida georgia hawaii idaho illinois indiana iowa kansas kentucky louisiana maine maryland massachusetts michigan minnesota mississippi missouri montana nebraska nevada hampshire jersey mexico ohio oklahoma oregon pennsylvania tennessee texas utah vermont virginia washington wisconsin wyoming dc'.split(
    ' ',
  );

/** What stands before and behind a run of capitalised words. */
interface Surroundings {
  readonly before: string;
  readonly after: string;
}
const article = /(?:^|[\s("“])(?:an?|the|this|that|these|those) $/iu;
const nextWord = /^ (\p{Ll}{2,20})(?![\p{L}\p{M}'’])/u;

interface Names {
  readonly given: ReadonlySet<string>;
  readonly family: ReadonlySet<string>;
  readonly common: Readonly<Record<string, readonly string[]>>;
  /** WordNet's kinds of a word: `noun.plant`, `verb.motion`. */
  readonly kindsOf: (word: string) => readonly string[];
  readonly places: ReadonlySet<string>;
}

let names: Names | undefined;

/** Read when it is first asked for (0.3 s): most commands need none. */
export function openNames(): Names {
  if (names) return names;
  const require = createRequire(import.meta.url);
  const { allFakers } = require('@faker-js/faker') as typeof import('@faker-js/faker');
  const [given, family] = [new Set<string>(), new Set<string>()];
  for (const { rawDefinitions } of Object.values(allFakers)) {
    for (const [lists, into] of [
      [rawDefinitions.person?.first_name, given],
      [rawDefinitions.person?.last_name, family],
    ] as const) {
      for (const list of Object.values(lists ?? {})) {
        if (Array.isArray(list))
          for (const name of list as unknown[]) if (typeof name === 'string') into.add(key(name));
      }
    }
  }
  const regions = new Intl.DisplayNames('en', { type: 'region' });
  const places = new Set(states);
  for (let at = 0; at < 26 * 26; at++) {
    const code = String.fromCharCode(65 + Math.floor(at / 26), 65 + (at % 26));
    const name = regions.of(code) ?? code;
    if (name !== code && !name.includes(' ')) places.add(key(name));
  }
  const common = require('wink-lexicon/src/lexicon.js') as Names['common'];
  const words = require('wink-lexicon/src/wn-words.js') as Readonly<Record<string, number>>;
  const senses = require('wink-lexicon/src/wn-word-senses.js') as readonly (readonly number[])[];
  const kinds = require('wink-lexicon/src/wn-senses.js') as readonly string[];
  const kindsOf: Names['kindsOf'] = (word) =>
    Object.hasOwn(words, word) ? (senses[words[word]!] ?? []).map((sense) => kinds[sense] ?? '') : [];
  names = { given, family, common, places, kindsOf };
  return names;
}

const key = (name: string): string => name.toLowerCase().normalize('NFD').replace(/\p{M}/gu, '');

/** The text with each full name as `<PERSON>`. Masking twice is masking once. */
export function maskPersons(text: string): string {
  if (!maybe.test(text)) return text;
  return text.replace(run, (found, at: number) => {
    const end = at + found.length;
    return maskRun(found, openNames(), {
      before: text.slice(Math.max(0, at - 8), at),
      after: text.slice(end, end + 24),
    });
  });
}

/** What is known of one word of a run, wherever it stands. */
const factsOf = (part: string, { given, family, common, places, kindsOf }: Names) => {
  const name = key(part.replace(/['’]s$|\.$/u, ''));
  const kinds = kindsOf(name);
  const isCommon = Object.hasOwn(common, name) && !common[name]!.every((tag) => tag.startsWith('NNP'));
  const isThing = kinds.some((kind) => thingKinds.has(kind));
  return {
    particle: particle.test(name),
    initial: initials.test(part) && !abbreviation.test(part),
    /** Roman numerals and "Jr." end a name. */
    suffix: /^(?:[ivx]+|jr|sr)$/.test(name),
    title: titles.has(name),
    given: given.has(name),
    family: family.has(name) || (!isCommon && !isThing && kinds.includes('noun.person')),
    /** A plant, an animal, a dish, a thing that nobody is called by. */
    thing: isThing && !family.has(name) && !kinds.includes('noun.person'),
    common: isCommon,
    place: places.has(name),
    other: otherNames.has(name) || abbreviation.test(part) || /^\p{Lu}{2,}$/u.test(part),
  };
};

/** The words that were looked up last, some 5 MB of them: a book names the same persons again and again. */
const looked = new Map<string, ReturnType<typeof factsOf>>();
const maxLooked = 32_768;

function lookUp(part: string, names: Names): ReturnType<typeof factsOf> {
  let facts = looked.get(part);
  if (!facts) {
    facts = factsOf(part, names);
    if (looked.size >= maxLooked) looked.clear();
    looked.set(part, facts);
  }
  return facts;
}

const thingKinds = new Set(['noun.plant', 'noun.animal', 'noun.food', 'noun.artifact', 'noun.object']);

/** Whether a word in lower case is a noun and nothing else. */
function isNoun(word: string, { common, kindsOf }: Names): boolean {
  if (Object.hasOwn(common, word)) return common[word]!.every((tag) => tag === 'NN' || tag === 'NNS');
  const kinds = kindsOf(word);
  return kinds.length > 0 && kinds.every((kind) => kind.startsWith('noun.'));
}

function maskRun(found: string, names: Names, { before, after }: Surroundings): string {
  const parts = found.split(' ');
  const is = parts.map((part, at) => {
    const facts = lookUp(part, names);
    // Neither begins a name.
    return at === 0 && (facts.particle || facts.suffix) ? { ...facts, particle: false, suffix: false } : facts;
  });
  type Word = (typeof is)[number];
  const named = (word: Word) => !word.other && !word.title && (!word.common || word.given || word.family);
  /** The end of a name that begins at `from`: before a word that nobody is called by. */
  const endOf = (from: number) => {
    let at = from + 1;
    for (; at < is.length; at++) {
      const word = is[at]!;
      const surname = (word.title && word.family) || (is[at - 1]!.initial && !word.other);
      if (!(word.particle || word.initial || word.suffix || surname || named(word))) break;
    }
    while (at > from + 1 && is[at - 1]!.particle) at -= 1;
    return at;
  };

  const noun = nextWord.exec(after)?.[1];
  const isAttribute = noun !== undefined && isNoun(noun, names);
  const behindArticle = (at: number) => (at === 0 ? article.test(before) : article.test(` ${parts[at - 1]} `));

  const out: string[] = [];
  for (let at = 0; at < parts.length; ) {
    const first = is[at]!;
    const end = endOf(at);
    const second = is[at + 1];
    let last = end - 1;
    while (last > at && is[last]!.suffix) last -= 1;
    const surname = is[last]!;
    const isPerson = !surname.thing && !(isAttribute && end === parts.length) && !is[end]?.other && !is[end]?.thing;
    const titled = isPerson && at > 0 && is[at - 1]!.title && named(first) && !first.place;
    const full =
      isPerson &&
      !behindArticle(at) &&
      last > at &&
      !surname.initial &&
      ((first.initial && (second!.initial || surname.family)) ||
        (first.given && named(first) && (!(first.common || first.place) || (surname.family && !surname.place))) ||
        (named(first) && !first.common && !first.place && surname.family && !surname.common && !surname.place));
    if (titled || full) {
      out.push(personMask + (/['’]s$/u.exec(parts[end - 1]!)?.[0] ?? ''));
      at = end;
    } else {
      out.push(parts[at]!);
      at += 1;
    }
  }
  return out.join(' ');
}
