/** What a run makes of held-out pairs: hidden words and regions, and pictures found for texts, right ones and wrong ones. */
import { addressOf } from './address.js';
import { get } from './api.js';
import { html, nothing, repeat, svg } from './lit.js';
import { number, percent, plural } from './words.js';

export const emptySeen = () => ({ run: undefined, filled: null, found: null, isLooking: false, error: null });

/** Asks the run that the address names; other pairs of the same checkpoint need no second search. */
export async function loadSeen(state) {
  const { run, from } = state.asked;
  const last = state.seen;
  const seen = { ...emptySeen(), run, found: last.run === run ? last.found : null, isLooking: run !== undefined };
  state.seen = seen;
  state.draw();
  if (run === undefined) return;
  try {
    seen.filled = await answer('/api/runs/filled', { run, from });
    // It may have learned on meanwhile.
    if (seen.found?.step !== seen.filled.step) seen.found = null;
    state.draw();
    seen.found ??= await answer('/api/runs/found', { run });
  } catch (error) {
    seen.error = error.message;
  } finally {
    seen.isLooking = false;
    state.draw();
  }
}

/** What is not there yet comes as a sentence. */
async function answer(path, what) {
  const given = await get(path, what);
  if (given.error !== undefined) throw new Error(given.error);
  return given;
}

export function seenSection(state) {
  const { runs, seen, asked } = state;
  const { filled, found, isLooking, error } = seen;
  const link = ({ name }) => html`<a class="button" href=${addressOf({ tab: 'training', asked: { run: name } })}
    aria-current=${asked.run === name ? 'true' : nothing}>${name}</a>`;
  return html`<section class="held-out" aria-label="What a run makes of held-out pairs" aria-busy=${String(isLooking)}>
    <h2>What a run makes of held-out pairs</h2>
    <p class="row">${repeat(runs, ({ name }) => name, link)}</p>
    <p class="small" role="status">${status(seen)}</p>
    ${error === null ? nothing : html`<p>${error}</p>`}
    ${filled === null ? nothing : filledPart(filled, asked)}${found === null ? nothing : foundPart(found)}
  </section>`;
}

function status({ run, filled, found, isLooking }) {
  if (run === undefined) return 'Choose a run: its checkpoint is read and asked, which takes a few seconds or more.';
  if (isLooking)
    return filled === null ? 'Reading the checkpoint …' : found === null ? 'Looking for pictures …' : 'Looking …';
  const asked = filled ?? found;
  return asked === null ? nothing : `By the ${asked.isBest ? 'best ' : ''}checkpoint of step ${number(asked.step)}.`;
}

function filledPart({ shown, from, pairs, learned }, { run }) {
  const next = from + shown.length >= pairs ? 0 : from + shown.length;
  const missing = [
    ...(learned.words ? [] : ['It has not learned words: masked language modelling (mlm) was off.']),
    ...(learned.regions
      ? []
      : ['It has not learned classes of regions: moc was off, or the detector knows no classes.']),
  ];
  return html`<h3>Hidden words and regions</h3>
    ${missing.map((one) => html`<p>${one}</p>`)}
    ${
      learned.words || learned.regions
        ? html`<p class="small">Hidden from the run: the marked words, and the regions drawn with numbers. What it says instead, the likeliest first.</p>
          <ul class="filled">${shown.map(filledPair)}</ul>
          <p class="row"><span class="small">Pairs ${number(from + 1)} to ${number(from + shown.length)} of ${number(pairs)}</span>
            <a class="button" href=${addressOf({ tab: 'training', asked: { run, from: String(next) } })}>Other pairs</a></p>`
        : nothing
    }`;
}

function filledPair({ text, picture, size, words, regions }) {
  const hiddenRegions = regions.filter(({ hidden }) => hidden !== null);
  return html`<li>
    ${picture === null ? html`<p class="gone">Its picture is not stored any more, or is another one.</p>` : drawn(picture, size, regions, text)}
    <p dir="auto">${words.map(
      ({ piece, continues, hidden }, at) =>
        html`${continues || at === 0 ? nothing : ' '}${hidden === null ? piece : html`<mark>${piece}</mark>`}`,
    )}</p>
    <ul class="guesses">${words.filter(({ hidden }) => hidden !== null).map(({ piece, hidden }) => guessed(html`<mark>${piece}</mark>`, hidden))}
      ${hiddenRegions.map(({ label, hidden }, at) => guessed(html`<b class="box">${at + 1}</b> ${label}`, hidden))}</ul></li>`;
}

/** The truth, whether the likeliest guess is it, and the guesses. */
function guessed(shown, { truth, guesses }) {
  const isRight = guesses[0].name === truth;
  return html`<li><span>${shown}</span> <b class=${isRight ? 'kept' : 'dropped'}>${isRight ? 'right' : 'wrong'}</b>
    <span>${guesses.map(({ name, probability }, at) => html`${at === 0 ? nothing : ', '}${name} ${percent(probability)}`)}</span></li>`;
}

/** The picture with its regions; hidden ones have a number. */
function drawn(picture, [width, height], regions, text) {
  const thick = Math.max(width, height) / 100;
  const hidden = regions.filter((region) => region.hidden !== null);
  const rect = ({ box: [x, y, w, h], hidden: isHidden }) => svg`<rect x=${x} y=${y} width=${w} height=${h}
    class=${isHidden ? 'hidden-region' : 'region'} stroke-width=${isHidden ? 1.5 * thick : thick / 2}></rect>`;
  const label = (
    { box: [x, y] },
    at,
  ) => svg`<g><rect class="tag" x=${x} y=${y} width=${7 * thick} height=${8 * thick}></rect>
    <text x=${x + 3.5 * thick} y=${y + 6.2 * thick} font-size=${6 * thick} text-anchor="middle">${at + 1}</text></g>`;
  const names = hidden.map(({ label: name }, at) => `${at + 1} ${name}`).join(', ');
  return html`<svg viewBox="0 0 ${width} ${height}" role="img"
    aria-label="${text}. ${plural(regions.length, 'region')}${names === '' ? '' : `, hidden: ${names}`}">
    <image href="/picture/${picture}/small" width=${width} height=${height}></image>
    ${regions.filter((region) => region.hidden === null).map(rect)}${hidden.map(rect)}${hidden.map(label)}</svg>`;
}

const bys = { itc: 'by contrast', itm: 'by matching' };

function foundPart({ by, found, pairs, right, wrong }) {
  if (by === null) return html`<h3>Pictures found for texts</h3><p>It has learned neither contrast nor matching.</p>`;
  return html`<h3>Pictures found for texts</h3>
    <p>${number(found)} of ${plural(pairs, 'text')} find their own picture first among all ${number(pairs)}, ${bys[by]}.</p>
    ${foundList('Right', right)}${foundList('Wrong', wrong)}`;
}

const foundList = (title, texts) =>
  texts.length === 0
    ? nothing
    : html`<h4>${title}</h4><ul class="found">${texts.map(
        ({ text, rank, picture, best }) => html`<li><p dir="auto">${text}</p>
          <ol class="row">${best.map(foundPicture)}${
            best.some(({ isOwn }) => isOwn) ? nothing : foundPicture({ text, picture, isOwn: true, rank })
          }</ol></li>`,
      )}</ul>`;

function foundPicture({ text, picture, isOwn, rank }, at) {
  const place = rank ?? at + 1;
  return html`<li class=${isOwn ? 'own' : ''}>${
    picture === null
      ? html`<span class="gone">not stored any more: ${text}</span>`
      : html`<img loading="lazy" src="/picture/${picture}/small" alt=${text}>`
  }<span class="small">${number(place)}${isOwn ? ', its own' : nothing}</span></li>`;
}
