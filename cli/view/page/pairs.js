/** The grid of pairs, and the form by which they are chosen. */
import { addressOf, choiceKeys } from './address.js';
import { get } from './api.js';
import { html, live, nothing, repeat } from './lit.js';
import { language, number } from './words.js';

/** Pairs that are loaded at a time; the server may give fewer and say where to go on. */
const pageSize = 60;

export const emptyGrid = () => ({ pairs: [], next: null, isLoading: false });

/** Loads the first page of what is chosen. */
export function loadPairs(state) {
  state.grid = emptyGrid();
  return loadMore(state);
}

/** Loads until a page is full or there is no more; another choice meanwhile ends it. */
export async function loadMore(state) {
  const { grid } = state;
  if (grid.isLoading) return;
  grid.isLoading = true;
  state.draw();
  const wanted = grid.pairs.length + pageSize;
  try {
    do {
      const page = await get('/api/pairs', { ...state.choice, before: grid.next });
      if (state.grid !== grid) return;
      grid.pairs = [...grid.pairs, ...page.pairs];
      grid.next = page.next;
      state.draw();
    } while (grid.next !== null && grid.pairs.length < wanted);
  } catch (error) {
    state.fail(error);
  } finally {
    grid.isLoading = false;
    state.draw();
  }
}

export function pairsTab(state) {
  const { grid, choice } = state;
  const isChosen = Object.keys(choice).length > 0;
  return html`
    ${choiceForm(state)}
    <section aria-label="Pairs" aria-busy=${String(grid.isLoading)}>
      <p class="count" role="status">${countWords(grid, isChosen)}</p>
      <ul class="grid">${repeat(
        grid.pairs,
        ({ id }) => id,
        (pair) => card(pair, addressOf({ choice, pair: pair.id })),
      )}</ul>
      ${grid.next === null ? nothing : html`<p class="more"><button ?disabled=${grid.isLoading} @click=${() => loadMore(state)}>${grid.isLoading ? 'Looking …' : 'Show more'}</button></p>`}
    </section>`;
}

function countWords({ pairs, next, isLoading }, isChosen) {
  const shown = number(pairs.length);
  if (pairs.length === 0)
    return isLoading ? 'Looking …' : isChosen ? 'No pair is like this.' : 'This corpus has no pairs yet.';
  return next === null ? `${shown} pairs, newest first` : `The newest ${shown}`;
}

/** A pair as a link to its story; `said` is said of it in front of all else. */
export function card(
  { id, text, droppedBy, reason, verdict, source, language: code, width, height },
  href,
  said = nothing,
) {
  return html`<li><a class="card" href=${href}>
    ${
      width === null
        ? html`<span class="picture none">no picture</span>`
        : html`<span class="picture"><img src="/picture/${id}/small" alt="" loading="lazy" decoding="async" @error=${missing}></span>`
    }
    <span class="text" dir="auto">${text === '' ? 'without a text' : text}</span>
    <span class="small">${said}<span class="verdict ${verdict}">${verdict === 'dropped' ? reason : verdict}</span>
      ${verdict === 'dropped' ? html`<span>${droppedBy}</span>` : nothing}
      <span>${source}${code === null ? '' : ` · ${code}`}${width === null ? '' : ` · ${width} × ${height}`}</span></span>
  </a></li>`;
}

function missing({ target }) {
  target.replaceWith('not shown');
}

/** Choices as the form offers them, from what the corpus has. */
function options({ corpus, choice }) {
  const rows = corpus?.funnel.rows.filter(({ dropped }) => dropped > 0) ?? [];
  const counted = (list = [], label = (value) => value) =>
    list.map(({ value, count }) => [value, `${label(value)} (${number(count)})`]);
  const reasons = rows.filter(({ rule }) => choice.rule === undefined || rule === choice.rule);
  return {
    verdict: [
      ['kept', 'kept'],
      ['dropped', 'dropped'],
      ['unjudged', 'not judged'],
      ...(corpus?.funnel.gone > 0 ? [['gone', 'not on the web any more']] : []),
    ],
    rule: rows.map(({ rule, dropped }) => [rule, `${rule} (${number(dropped)})`]),
    reason: reasons.flatMap(({ rule, reasons: of }) =>
      of.map(({ reason, count }) => [
        reason,
        `${reason} (${choice.rule === undefined ? `${rule}, ` : ''}${number(count)})`,
      ]),
    ),
    language: counted(corpus?.languages, language),
    source: counted(corpus?.sources),
    side: sides,
    class: corpus?.hasPlaces ? ['subject', 'teaser', 'furniture'].map((name) => [name, name]) : [],
  };
}

/** Steps of the server, by the pixels of the shorter side. */
const sides = [
  ['0', 'under 200 px'],
  ['200', '200 to 399 px'],
  ['400', '400 to 799 px'],
  ['800', '800 px and more'],
];

const labels = {
  words: 'Words',
  verdict: 'Verdict',
  rule: 'Dropped by',
  reason: 'Reason',
  language: 'Language',
  source: 'Text from',
  class: 'Place',
  side: 'Shorter side',
  host: 'Host',
};

function choiceForm(state) {
  const { choice, corpus } = state;
  const offered = options(state);
  const choose = (key, value) => {
    const { [key]: _, ...rest } = choice;
    // A reason belongs to a rule.
    if (key === 'rule') delete rest.reason;
    location.hash = addressOf({ choice: value === '' ? rest : { ...rest, [key]: value } });
  };
  const select = (key) => {
    const values = offered[key];
    // What is chosen stays to be seen when the corpus has none of it.
    const isKnown = choice[key] === undefined || values.some(([value]) => value === choice[key]);
    const all = isKnown ? values : [...values, [choice[key], choice[key]]];
    return html`<label>${labels[key]}<select name=${key} @change=${({ target }) => choose(key, target.value)}>
      <option value="" ?selected=${choice[key] === undefined}>any</option>
      ${all.map(([value, label]) => html`<option value=${value} ?selected=${choice[key] === value}>${label}</option>`)}
    </select></label>`;
  };
  const input = (
    key,
    more,
  ) => html`<label>${labels[key]}<input name=${key} .value=${live(choice[key] ?? '')} autocomplete="off"
    spellcheck="false" list=${more ?? nothing} @change=${({ target }) => choose(key, target.value.trim())}></label>`;
  const chosen = choiceKeys.filter((key) => choice[key] !== undefined).length;
  return html`<details class="choice" ?open=${matchMedia('(min-width: 50rem)').matches}>
    <summary>Choose pairs${chosen > 0 ? ` (${chosen})` : ''}</summary>
    <form role="search" aria-label="Choose pairs" @submit=${(event) => event.preventDefault()}>
      ${input('words')}${select('verdict')}${select('rule')}${select('reason')}${select('language')}${select('source')}
      ${offered.class.length > 0 || choice.class !== undefined ? select('class') : nothing}${select('side')}${input('host', 'hosts')}
      <datalist id="hosts">${corpus?.hosts.map(({ value, count }) => html`<option value=${value}>${number(count)} pairs</option>`)}</datalist>
      ${chosen > 0 ? html`<a class="button" href=${addressOf({})}>Clear</a>` : nothing}
    </form>
  </details>`;
}
