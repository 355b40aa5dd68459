/** The srcset attribute (HTML §4.8.4.2.1), read as a browser does: one pass, so that a hostile one costs no more than its length. */

export interface SourceCandidate {
  readonly address: string;
  readonly width: number | null;
  readonly density: number;
}

/** Ours: image services offer up to some twenty. */
const mostCandidates = 100;

const isSpace = (code: number): boolean => code === 32 || (code >= 9 && code <= 13 && code !== 11);
const comma = 44;

/** The candidates in their order; an address may contain commas, but not end with one. */
export function parseSrcset(set: string): SourceCandidate[] {
  const candidates: SourceCandidate[] = [];
  let at = 0;
  while (candidates.length < mostCandidates) {
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
        if (code === 40) inBrackets = true;
        else if (code === 41) inBrackets = false;
        else if (code === comma && !inBrackets) break;
        at += 1;
      }
      descriptor = set.slice(from, Math.min(at, from + 100)).trim();
    }
    const width = /^(\d+)w/.exec(descriptor)?.[1];
    const density = /^(\d+(?:\.\d+)?)x/.exec(descriptor)?.[1];
    candidates.push({
      address: set.slice(start, end),
      width: width ? Number(width) : null,
      density: density ? Number(density) : 1,
    });
  }
  return candidates;
}
