/**
 * Under which column a score, a language and a signal of rights are known: the names of LAION's and DataComp's tables where there is
 * one, else ours, with the unit in them.
 */

/** LAION's names of the language that was detected, ISO 639-1; the score of it is ours. */
export const languageColumn = 'LANGUAGE';
export const languageScoreColumn = 'language_score';

const fieldNames: Readonly<Record<string, string>> = {
  'match/relevance': 'similarity',
  'image/unsafe': 'punsafe',
  'image/watermark': 'pwatermark',
  'image/aesthetic': 'aesthetic',
  'image/photo': 'pphoto',
  'image/flat': 'entropy_bits',
  'image/blur': 'sharpness',
};

const plain = (name: string): string => name.replace(/[^A-Za-z0-9]+/g, '_').replace(/^_|_$/g, '');

/** The column of a score by its name in the ledger, such as `match/relevance@MODEL`: `similarity`, or with `whole` `match_relevance_MODEL`. */
export function columnOfScore(name: string, whole: boolean): string {
  const rule = name.split('@')[0]!;
  return whole ? plain(name).slice(0, 100) : (fieldNames[rule] ?? plain(rule).slice(0, 100));
}

/** The column of a signal: `page x-robots-tag` is `rights_x_robots_tag`, that of an image `image_rights_x_robots_tag`. */
export function columnOfRight(source: string): string {
  const [of = '', ...signal] = source.split(' ');
  return `${of === 'page' ? '' : `${of}_`}rights_${plain(signal.join(' ')).slice(0, 80)}`;
}
