/** By what files are known to show one picture in several sizes. */

/** Shorter stems are numbers and words that many files have. */
const minStemLength = 6;

/** The name of a file without ending and size: the same picture is offered in several. Empty where it is too short to tell. */
export function fileStem(url: string): string {
  const name = url.slice(url.lastIndexOf('/') + 1).slice(0, 200);
  const stem = name
    .split(/[?#]/, 1)[0]!
    .toLowerCase()
    .replace(/\.\w{3,4}$/, '')
    .replace(/[-_@.]?(?:\d{2,4}x\d{0,4}|\d{2,4}w|scaled|large|medium|small|thumb(?:nail)?|[12]x)(?=$|[-_.])/g, '');
  return stem.length >= minStemLength ? stem : '';
}
