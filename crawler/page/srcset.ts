/** The srcset attribute (HTML §4.8.4.2.1), read as browsers do, in one pass: hostile ones take time that grows with their length. */

export interface SourceCandidate {
  readonly address: string;
  /** Pixels, of a `w` descriptor. */
  readonly width: number | null;
  /** Of an `x` descriptor; 1 without one. */
  readonly density: number;
}

/** Ours: image services offer up to some twenty. */
const maxCandidates = 100;

const isSpace = (code: number): boolean => code === 32 || (code >= 9 && code <= 13 && code !== 11);
const comma = 44;
const openingBracket = 40;
const closingBracket = 41;

/** Characters. */
const maxDescriptorLength = 100;

/** The candidates in order, at most 100. An address may contain commas, but not end with one. */
export function parseSrcset(set: string): SourceCandidate[] {
  const candidates: SourceCandidate[] = [];
  let at = 0;
  while (candidates.length < maxCandidates) {
    while (at < set.length && (isSpace(set.charCodeAt(at)) || set.charCodeAt(at) === comma)) at += 1;
    if (at >= set.length) break;
    const start = at;
    while (at < set.length && !isSpace(set.charCodeAt(at))) at += 1;
    let end = at;
    while (end > start && set.charCodeAt(end - 1) === comma) end -= 1;
    let descriptor = '';
    if (end === at) {
      // Up to the next comma that is outside brackets.
      const from = at;
      let inBrackets = false;
      while (at < set.length) {
        const code = set.charCodeAt(at);
        if (code === openingBracket) inBrackets = true;
        else if (code === closingBracket) inBrackets = false;
        else if (code === comma && !inBrackets) break;
        at += 1;
      }
      descriptor = set.slice(from, Math.min(at, from + maxDescriptorLength)).trim();
    }
    const sizes = readDescriptors(descriptor);
    if (sizes !== null) candidates.push({ address: set.slice(start, end), ...sizes });
  }
  return candidates;
}

/** Width and density; null for descriptors that make browsers leave the candidate out: unknown, zero, repeated, or of both kinds. */
function readDescriptors(text: string): Omit<SourceCandidate, 'address'> | null {
  let width: number | null = null;
  let density: number | null = null;
  let height: number | null = null;
  for (const word of text === '' ? [] : text.split(/[\t\n\f\r ]+/)) {
    const pixels = /^(\d+)([wh])$/.exec(word);
    const times = /^(\d+(?:\.\d+)?(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?)x$/i.exec(word);
    if (pixels && Number(pixels[1]) > 0 && density === null) {
      if (pixels[2] === 'w' ? width !== null : height !== null) return null;
      if (pixels[2] === 'w') width = Number(pixels[1]);
      else height = Number(pixels[1]);
    } else if (times && width === null && height === null && density === null) density = Number(times[1]);
    else return null;
  }
  // HTML §4.8.4.2.1: a height alone is an error.
  return height !== null && width === null ? null : { width, density: density ?? 1 };
}
