/** The workbench: tabs, what is known of the corpus as a whole, and one state from which everything is drawn. */
import { addressOf, readAddress, tabs } from './address.js';
import { get } from './api.js';
import { crawlTab } from './crawl.js';
import { emptyLabelling, labelsTab, loadLabels, onLabelKey } from './labels.js';
import { html, nothing, render } from './lit.js';
import { watch } from './live.js';
import { emptyGrid, loadPairs, pairsTab } from './pairs.js';
import { runsTab } from './runs.js';
import { emptySearch, loadSearch, searchTab } from './search.js';
import { emptySeen, loadSeen } from './seen.js';
import { openStory } from './story.js';
import { emptyTakedown, loadTakedown, takedownTab } from './takedown.js';
import { loadThresholds, thresholdsTab } from './thresholds.js';
import { number, percent } from './words.js';

const state = {
  ...readAddress(),
  corpus: null,
  error: null,
  /** The tab that could not be loaded, and why. */
  failed: null,
  grid: emptyGrid(),
  thresholds: null,
  labelling: emptyLabelling(),
  found: emptySearch(),
  takingDown: emptyTakedown(),
  crawl: null,
  runs: null,
  seen: emptySeen(),
  /** Draws again what has changed; several changes at once are drawn once. */
  draw,
  fail(error) {
    state.error = error.message;
    draw();
  },
};

/** What a tab shows where it could not be loaded: what is wrong, and a way to try again. */
state.failTab = (tab, error) => {
  state.failed = { tab, message: error.message };
  draw();
};
const failedTab = ({ message }) =>
  html`<p class="error" role="alert">${message} <button @click=${show}>Try again</button></p>`;

const names = {
  pairs: 'Pairs',
  search: 'Search',
  thresholds: 'Thresholds',
  labels: 'Labels',
  takedown: 'Takedown',
  crawl: 'Crawl',
  training: 'Training',
};
const views = {
  pairs: pairsTab,
  search: searchTab,
  thresholds: thresholdsTab,
  labels: labelsTab,
  takedown: takedownTab,
  crawl: crawlTab,
  training: runsTab,
};

let isDrawing = false;
function draw() {
  if (isDrawing) return;
  isDrawing = true;
  queueMicrotask(() => {
    isDrawing = false;
    render(page(), document.querySelector('#app'));
  });
}

function page() {
  const { corpus, tab, choice, error } = state;
  const link = (name, label) => html`<a href=${addressOf({ tab: name, choice: name === 'pairs' ? choice : {} })}
    aria-current=${tab === name ? 'page' : nothing}>${label}</a>`;
  return html`
    <a class="skip" href="#main" @click=${skip}>Skip to the content</a>
    <header>
      <h1>${corpus?.name ?? 'lait view'}</h1>
      <p class="sum" role="status">${corpus === null ? 'Counting …' : summary(corpus)}</p>
      <nav aria-label="Views">${tabs.map((name) => link(name, names[name]))}</nav>
    </header>
    ${error === null ? nothing : html`<p class="error" role="alert">${error} <button @click=${forget}>Close</button></p>`}
    <main id="main" tabindex="-1">${state.failed?.tab === tab ? failedTab(state.failed) : views[tab](state)}</main>`;
}

/** The address after # is the page's own, so the link moves the focus itself. */
function skip(event) {
  event.preventDefault();
  document.querySelector('#main').focus();
}

function forget() {
  state.error = null;
  draw();
}

function summary({ funnel, preset, isFinished, mayEdit }) {
  const { found, gone, kept, unjudged } = funnel;
  return html`<b>${number(kept)}</b> of <b>${number(found)}</b> pairs kept${found === 0 ? nothing : ` (${percent(kept / found)})`}${
    preset === null ? nothing : `, preset ${preset}`
  }${unjudged > 0 ? `; ${number(unjudged)} not judged yet` : nothing}${gone > 0 ? `; ${number(gone)} more are not on the web any more` : nothing}${
    preset !== null && !isFinished ? '; a filter is running, or was stopped' : nothing
  }${mayEdit ? html` <span class="badge">may edit</span>` : nothing}`;
}

state.reload = loadCorpus;

async function loadCorpus() {
  try {
    state.corpus = await get('/api/corpus');
    document.title = `${state.corpus.name} · lait view`;
    draw();
  } catch (error) {
    state.fail(error);
  }
}

function follow() {
  const shown = () =>
    JSON.stringify([state.tab, state.choice, state.sample, state.search, state.takedown, state.asked]);
  const before = shown();
  Object.assign(state, readAddress());
  if (shown() !== before) show();
  openStory(state);
  draw();
}

function show() {
  state.failed = null;
  loadCorpus();
  watch(state);
  if (state.tab === 'thresholds') loadThresholds(state);
  if (state.tab === 'takedown') loadTakedown(state);
  if (state.tab === 'search') loadSearch(state);
  if (state.tab === 'labels') loadLabels(state);
  if (state.tab === 'pairs') loadPairs(state);
  if (state.tab === 'training') loadSeen(state);
}

// The token is in the cookie now: neither the history nor a bookmark keeps it.
if (location.search !== '') history.replaceState(null, '', location.pathname + location.hash);
addEventListener('hashchange', follow);
addEventListener('keydown', (event) => onLabelKey(event, state));
draw();
show();
openStory(state);
