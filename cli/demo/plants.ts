/**
 * Texts that do not fit their picture, as the web has them, planted in the demonstration website: exchanged ones, misleading ones
 * and such as would fit any picture. The site alone knows where; the line of commands is told nothing of it.
 */
import { random } from '../../dataset/random.ts';
import type { Picture } from './pictures.ts';

export type PlantKind = 'swapped' | 'misleading' | 'generic';

/** What stands at a picture in place of its name and its description. */
export interface Plant {
  readonly kind: PlantKind;
  readonly name: string;
  readonly text: string;
}

/** Of the pictures these shares, three of ten in all. Ours. */
const shares: Readonly<Record<PlantKind, number>> = { swapped: 0.2, misleading: 0.05, generic: 0.05 };

/** The wrong texts by picture, the same for the same pictures. */
export function plantWrongTexts(pictures: readonly Picture[]): Map<Picture, Plant> {
  const order = random(0x9a17).shuffle([...pictures]);
  const take = (share: number): Picture[] => order.splice(0, Math.round(share * pictures.length));
  const [swapped, misleading, generic] = [take(shares.swapped), take(shares.misleading), take(shares.generic)];
  const plants = new Map<Picture, Plant>();
  const handRound = (kind: PlantKind, ring: readonly Picture[]): void => {
    ring.forEach((picture, at) => {
      const other = ring[(at + 1) % ring.length]!;
      if (other !== picture) plants.set(picture, { kind, name: other.names.en!, text: other.texts.en! });
    });
  };
  handRound('swapped', swapped);
  // Of another thing in the same chapter: an animal's text at another animal.
  for (const chapter of new Set(misleading.map(({ group }) => group))) {
    handRound('misleading', misleading.filter(({ group }) => group === chapter)); // biome-ignore format: one line
  }
  for (const [at, picture] of generic.entries()) plants.set(picture, { kind: 'generic', ...genericText(at) });
  return plants;
}

const praise = ['lovely', 'beautiful', 'wonderful', 'charming', 'popular', 'delightful', 'pretty', 'favourite'];
const kinds = ['illustration', 'drawing', 'artwork', 'picture', 'design', 'graphic'];
const audiences = [
  'all our readers',
  'your next project',
  'the whole family',
  'friends of this book',
  'every occasion',
];

/** Enough of them that no rule on repeated texts sees them. */
function genericText(at: number): Pick<Plant, 'name' | 'text'> {
  const [adjective, noun, audience] = [praise, kinds, audiences].map((words) => words[at % words.length]);
  return { name: `A ${adjective} ${noun}`, text: `A ${adjective} ${noun} for ${audience}` };
}
