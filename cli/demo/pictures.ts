/**
 * The pictures of the demonstration website: OpenMoji's drawings (CC BY-SA 4.0) with the names and search words that
 * Unicode CLDR and emojibase give them in many languages (MIT). Both come as registry packages; nothing of them is in
 * this repository.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageDir } from '../setup/run.ts';

/** The languages that the site is written in; English is what the demo keeps. */
export const languages = ['en', 'de', 'fr', 'es', 'pl', 'ru', 'ja', 'zh'] as const;
export type Language = (typeof languages)[number];

export interface Picture {
  readonly hexcode: string;
  readonly group: string;
  readonly svgPath: string;
  /** The name, by language; a language that lacks the picture has no entry. */
  readonly names: Readonly<Partial<Record<Language, string>>>;
  /** The name and the search words. */
  readonly texts: Readonly<Partial<Record<Language, string>>>;
}

interface EmojibaseEntry {
  readonly hexcode: string;
  readonly label: string;
  readonly tags?: readonly string[];
  readonly group?: number;
}

interface OpenmojiEntry {
  readonly hexcode: string;
  readonly group: string;
  readonly annotation: string;
  readonly openmoji_tags: string;
}

/** Emojibase's group numbers that have pictures worth describing: the rest are skin tones and signs. */
const groups: Readonly<Record<number, string>> = {
  0: 'faces',
  1: 'people',
  3: 'nature',
  4: 'food',
  5: 'travel',
  6: 'activities',
  7: 'objects',
  9: 'flags',
};

const json = <Content>(from: string, ...path: string[]): Content =>
  JSON.parse(readFileSync(join(packageDir(from), ...path), 'utf8'));

/** The name, and the search words that say more than it does. */
const describe = (label: string, words: readonly string[]): string => {
  const name = label.toLowerCase();
  const others = words.filter((word) => !name.includes(word.toLowerCase()) && !word.toLowerCase().includes(name));
  return others.length === 0 ? label : `${label}: ${others.slice(0, 6).join(', ')}`;
};

function svgPath(hexcode: string): string | undefined {
  const folder = join(packageDir('openmoji'), 'color/svg');
  return [hexcode, hexcode.replaceAll('-FE0F', '')]
    .map((name) => join(folder, `${name}.svg`))
    .find((path) => existsSync(path));
}

/** Every picture with a name in English, in a fixed order. */
export function pictures(): Picture[] {
  const byLanguage = languages.map((language) => {
    const entries = json<EmojibaseEntry[]>('emojibase-data', language, 'data.json');
    return [language, new Map(entries.map((entry) => [entry.hexcode, entry]))] as const;
  });
  const english = byLanguage[0]?.[1] ?? new Map<string, EmojibaseEntry>();
  const found: Picture[] = [];
  for (const { hexcode, group: groupNumber } of english.values()) {
    const group = groups[groupNumber ?? -1];
    const path = svgPath(hexcode);
    if (group === undefined || path === undefined) continue;
    const inLanguages = <Value>(value: (entry: EmojibaseEntry) => Value): Partial<Record<Language, Value>> =>
      Object.fromEntries(
        byLanguage.flatMap(([language, entries]) => {
          const entry = entries.get(hexcode);
          return entry ? [[language, value(entry)]] : [];
        }),
      );
    const names = inLanguages(({ label }) => label);
    const texts = inLanguages(({ label, tags = [] }) => describe(label, tags));
    found.push({ hexcode, group, svgPath: path, names, texts });
  }
  return found;
}

/** OpenMoji's own pictures beyond Unicode, named in English only: the page that needs a browser shows them. */
export function extraPictures(count: number): Picture[] {
  return json<OpenmojiEntry[]>('openmoji', 'data/openmoji.json')
    .filter(({ group, openmoji_tags }) => group === 'extras-openmoji' && openmoji_tags.includes(','))
    .slice(0, count)
    .flatMap(({ hexcode, annotation, openmoji_tags }) => {
      const path = svgPath(hexcode);
      const texts = { en: describe(annotation, openmoji_tags.split(/,\s*/)) };
      return path ? [{ hexcode, group: 'extras', svgPath: path, names: { en: annotation }, texts }] : [];
    });
}
