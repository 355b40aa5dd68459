import { parseArgs } from 'node:util';
import { dominanceOf, minSubjectScore } from '../crawler/page/dominant.ts';
import { extractPage } from '../crawler/page/extract.ts';
import { keyOf } from '../crawler/policy/url.ts';
import { areaUnderCurve } from '../model/ranking/area-under-curve.ts';
import { crawledPictures } from './seeing/crawled.ts';
import { type LabelledPage, readLabels } from './seeing/labels.ts';
import { fetchRepositories, readPage, savedPagesFlags } from './seeing/pages.ts';
import { crawledPlaces, labelledPlaces } from './seeing/places.ts';
import { addPage, emptyScore, type KeptPicture, type Score } from './seeing/score.ts';
import { trafilaturaPictures } from './seeing/trafilatura.ts';
import { type Picture, picturesOf } from './seeing/truth.ts';

const { values } = parseArgs({
  options: {
    ...savedPagesFlags,
    faults: { type: 'boolean', default: false },
    threshold: { type: 'string', default: String(minSubjectScore) },
    trafilatura: { type: 'string' },
  },
});
await fetchRepositories(values.pages, values.from);

type Extractor = (html: string, page: LabelledPage, pictures: readonly Picture[]) => readonly KeptPicture[];

const threshold = Number(values.threshold);

const crawled: Extractor = (html, { url }) => crawledPictures(html, url);

const lait: Extractor = (html, { url }) => crawledPictures(html, url).filter(({ score }) => score >= threshold);

/** Every picture with a high score, whether it has a text or not. */
const textless: Extractor = (html, { url }, pictures) =>
  labelledPlaces(crawledPlaces(html, url).places, pictures)
    .filter(({ features, refusal }) => refusal === null && dominanceOf(features).score >= threshold)
    .map((place) => ({ keys: [keyOf(place.candidate.url), keyOf(place.url)], texts: [] }));

/** Every image with an alt text, which is what image-text crawls take. */
const altAlone: Extractor = (_html, _page, pictures) =>
  pictures
    .filter(({ alt, urls }) => alt.trim() !== '' && urls.size > 0)
    .map(({ alt, urls }) => ({ keys: [...urls], texts: [{ source: 'alt', text: alt }] }));

const extractors: [string, Extractor][] = [
  ['lait', lait],
  ['lait, whatever the score', crawled],
  ['lait, with or without text', textless],
  ['alt text alone', altAlone],
];
const labels = readLabels();
const allScores = new Map<string, Score>();
const rows: Record<string, Record<string, string | number>> = {};
const pages = labels.map((page) => {
  const html = readPage(values.pages, page);
  return { page, html, pictures: picturesOf(page, html) };
});
if (values.trafilatura !== undefined) {
  const found = trafilaturaPictures(
    values.trafilatura,
    pages.map(({ html, page }) => ({ html, url: page.url })),
  );
  const byPage = new Map(pages.map(({ page }, at) => [page.sha256, found[at]!]));
  extractors.push(['trafilatura', (_html, { sha256 }) => byPage.get(sha256)!]);
}
for (const [name, extract] of extractors) {
  const scores = new Map<string, Score>();
  for (const { page, html, pictures } of pages) {
    const kept = extract(html, page, pictures);
    const faults = values.faults && name === 'lait' && page.half !== 'counted';
    for (const group of [
      page.half,
      ...(name === 'lait' || name === 'lait, whatever the score' ? [`${page.half} ${page.kind}`] : []),
    ]) {
      const score = scores.get(group) ?? emptyScore();
      scores.set(group, score);
      addPage(score, pictures, kept, ({ kind, what }) => {
        if (faults && group === page.half) console.log(`${page.path}  ${kind}  ${what}`);
      });
    }
  }
  for (const [group, score] of [...scores].sort(([a], [b]) => a.localeCompare(b)))
    allScores.set(`${name}, ${group}`, score);
}
for (const [group, score] of allScores) rows[group] = row(score);
console.table(rows);

const bySource: Record<string, Record<string, string | number>> = {};
for (const half of ['counted', 'seen'])
  for (const [source, { texts, right, ofOther }] of allScores.get(`lait, ${half}`)?.bySource ?? [])
    bySource[`${source}, ${half}`] = {
      texts,
      'about their picture': (right / texts).toFixed(3),
      'about another': (ofOther / texts).toFixed(3),
    };
console.table(bySource);

const start = process.cpuUsage();
for (const { page, html } of pages) extractPage(html, page.url);
const { user, system } = process.cpuUsage(start);
console.log(`${Math.round(pages.length / ((user + system) / 1e6))} pages a CPU second`);

/** How well the score tells subjects from other pictures of the crawl; nothing where there is no score, or no picture is left out. */
function area({ judged }: Score): string {
  const value = areaUnderCurve(
    judged.map(({ score }) => score),
    judged.map(({ isSubject }) => isSubject),
  );
  return Number.isNaN(value) ? '' : value.toFixed(3);
}

function row(score: Score): Record<string, string | number> {
  const ratio = (part: number, whole: number): string => (whole === 0 ? '' : (part / whole).toFixed(3));
  return {
    subjects: score.subject,
    recall: ratio(score.found, score.subject),
    kept: score.kept,
    precision: ratio(score.keptSubject, score.kept),
    teasers: score.keptTeaser,
    furniture: score.keptFurniture,
    'area under curve': area(score),
    elsewhere: score.elsewhere,
    texts: score.texts,
    'about their picture': ratio(score.textsRight, score.texts),
    'about another': ratio(score.textsOfOther, score.texts),
  };
}
