/** Labelling a sample by the keyboard, one pair after the other without its verdict, and how right each rule is by what was said. */
import { addressOf } from './address.js';
import { get, post } from './api.js';
import { html, live, nothing, repeat } from './lit.js';
import { language, number, plural, rounded } from './words.js';

/** What can be said of a pair, each with its key. */
const kinds = [
  { label: 'fits', key: '1', name: 'Fits' },
  { label: 'does-not-fit', key: '2', name: 'Does not fit' },
  { label: 'unsafe', key: '3', name: 'Unsafe' },
  { label: 'not-a-photo', key: '4', name: 'Not a photo' },
  { label: 'skipped', key: '0', name: 'Cannot tell' },
];
const undoKey = 'u';

/** Pairs of each verdict that can be chosen. */
const sizes = ['25', '50', '100', '200'];

export const emptyLabelling = () => ({ queue: null, facts: null, hasKeys: true, said: '', sending: Promise.resolve() });

/** Loads the sample anew. */
export async function loadLabels(state) {
  state.labelling = { ...state.labelling, queue: null, facts: null, said: '' };
  await refresh(state);
}

/** Asks what comes next. What was labelled meanwhile does not come again. */
async function refresh(state) {
  const { labelling, sample } = state;
  try {
    const facts = await get('/api/labels', sample);
    if (state.labelling !== labelling) return;
    labelling.facts = facts;
    labelling.queue = facts.next;
    preload(facts.next);
    state.draw();
  } catch (error) {
    if (state.labelling !== labelling) return;
    if (labelling.facts === null) state.failTab('labels', error);
    else state.fail(error);
  }
}

/** The picture that comes next is there when it comes. */
function preload(queue) {
  for (const { id } of queue.slice(1, 3)) new Image().src = `/picture/${id}/whole`;
}

/** Says it of the pair that is shown, shows the next one, and keeps it: what is not kept is shown again. */
function say(kind, state) {
  const { labelling } = state;
  const [shown, ...rest] = labelling.queue ?? [];
  if (shown === undefined || !state.corpus?.mayEdit) return;
  labelling.queue = rest;
  // What undo takes back, also before the answer is here.
  labelling.facts = { ...labelling.facts, last: { id: shown.id, label: kind.label } };
  labelling.said = `${kind.name}.`;
  state.draw();
  send({ id: shown.id, label: kind.label }, state);
}

function undo(state) {
  const { labelling } = state;
  const last = labelling.facts?.last;
  if (!last || !state.corpus?.mayEdit) return;
  labelling.facts = { ...labelling.facts, last: null };
  labelling.queue = [];
  labelling.said = 'Taken back.';
  state.draw();
  send({ id: last.id, label: null }, state);
}

/** One after the other; what comes next is asked for when the last of them is kept. */
function send(body, state) {
  const { labelling } = state;
  const sending = labelling.sending
    .then(() => post('/api/labels', body))
    .catch((error) => state.fail(error))
    .then(() => {
      if (labelling.sending === sending) return refresh(state);
    });
  labelling.sending = sending;
}

/** Keys of the labels, wherever the focus is but in a field. */
export function onLabelKey(event, state) {
  const { labelling, tab, pair } = state;
  const isElsewhere = tab !== 'labels' || pair !== null || event.target.closest?.('input, select, textarea');
  if (isElsewhere || !labelling.hasKeys || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  const kind = kinds.find(({ key }) => key === event.key);
  if (kind !== undefined) say(kind, state);
  else if (event.key.toLowerCase() === undoKey) undo(state);
  else return;
  event.preventDefault();
}

export function labelsTab(state) {
  const { labelling, corpus } = state;
  const { facts, queue } = labelling;
  if (facts === null || corpus === null) return html`<p role="status">Drawing pairs …</p>`;
  if (facts.wanted === 0) {
    return html`<p>No pair with a picture is judged yet. Run <code>lait filter</code> first.</p>`;
  }
  return html`
    <section class="labelling" aria-label="Label pairs">
      ${
        corpus.mayEdit
          ? queue.length > 0
            ? pairToLabel(queue[0], state)
            : html`<p class="done" role="status">${facts.labelled < facts.wanted ? 'Looking …' : 'All pairs of this sample have a label. Choose more of each verdict, or another seed.'}</p>
              ${undoButton(state)}`
          : html`<p class="lead">To label pairs, start <code>lait view --edit</code>.</p>`
      }
    </section>
    ${progress(state)}${sampleForm(state)}${precisionTable(state)}`;
}

function pairToLabel({ id, text, source, language: code, pageTitle, width, height }, state) {
  return html`<div class="pair">
    <div class="seen">${repeat(
      [id],
      (key) => key,
      () => html`<img src="/picture/${id}/whole" alt="The picture to label" @error=${notShown}>`,
    )}</div>
    <div class="said">
      <p class="question" dir="auto">${text === '' ? 'without a text' : text}</p>
      <p class="small">${source}${code === null ? '' : `, ${language(code)}`}, ${width} × ${height} px${
        pageTitle === '' ? nothing : html`, on a page named <q dir="auto">${pageTitle}</q>`
      }</p>
      <div class="answers" role="group" aria-label="What the pair is">${kinds.map(
        (kind) =>
          html`<button class=${kind.label} aria-keyshortcuts=${kind.key} @click=${() => say(kind, state)}><kbd aria-hidden="true">${kind.key}</kbd> ${kind.name}</button>`,
      )}</div>
      ${undoButton(state)}
    </div>
  </div>`;
}

function notShown({ target }) {
  target.replaceWith('This picture cannot be shown.');
}

function undoButton(state) {
  const last = state.labelling.facts.last;
  const name = kinds.find(({ label }) => label === last?.label)?.name;
  return html`<p class="row"><button ?disabled=${last === null} aria-keyshortcuts=${undoKey} @click=${() => undo(state)}><kbd aria-hidden="true">U</kbd> Undo${
    name === undefined ? nothing : ` “${name}”`
  }</button>
    <label class="check"><input type="checkbox" .checked=${live(state.labelling.hasKeys)} @change=${({ target }) => {
      state.labelling.hasKeys = target.checked;
    }}> keys label</label></p>`;
}

function progress({ labelling: { facts, said } }) {
  const { labelled, wanted } = facts;
  return html`<p class="row progress"><progress max=${wanted} value=${labelled} aria-label="Labelled"></progress>
    <span role="status">${said} ${number(labelled)} of ${number(wanted)} labelled</span></p>`;
}

function sampleForm(state) {
  const { seed = '1', each = '50' } = state.sample;
  const choose = (key, value) => {
    location.hash = addressOf({ tab: 'labels', sample: { ...state.sample, [key]: value } });
  };
  const all = sizes.includes(each) ? sizes : [...sizes, each];
  return html`<form class="row sample" aria-label="Sample" @submit=${(event) => event.preventDefault()}>
    <label>Pairs of each verdict <select name="each" @change=${({ target }) => choose('each', target.value)}>${all.map(
      (size) => html`<option value=${size} ?selected=${size === each}>${size}</option>`,
    )}</select></label>
    <label>Seed <input type="number" name="seed" min="0" max="4294967295" step="1" .value=${live(seed)}
      @change=${({ target }) => target.checkValidity() && target.value !== '' && choose('seed', target.value)}></label>
  </form>`;
}

const columns = [
  'verdict',
  'pairs',
  'labelled',
  'weight',
  'fits',
  'does not fit',
  'unsafe',
  'not a photo',
  'right to drop',
  'fits, of what it lets through',
];

function precisionTable({ labelling: { facts } }) {
  const { kept, ofKept, rules } = facts.precision;
  const line = (stratum, dropped, staying) => html`<tr><th scope="row">${stratum.verdict}</th>
    <td>${number(stratum.size)}</td><td>${number(stratum.labelled)}</td><td>${stratum.weight === null ? '–' : number(rounded(stratum.weight))}</td>
    ${['fits', 'does-not-fit', 'unsafe', 'not-a-photo'].map((label) => html`<td>${number(stratum.counts[label])}</td>`)}
    <td>${dropped}</td><td>${staying}</td></tr>`;
  return html`<h2>How right the rules are</h2>
    <p class="lead">By ${plural(kept.labelled + rules.reduce((sum, { labelled }) => sum + labelled, 0), 'label')} of this sample. A rule is right to drop what does not fit, is unsafe or no photo. Behind each share its interval of 95 %.</p>
    <div class="scroll" tabindex="0" role="region" aria-label="Precision"><table class="precision"><thead><tr>${columns.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
      <tbody>${rules.map((rule) => line(rule, interval(rule.ofDropped), interval(rule.ofStaying)))}${line(kept, '', interval(ofKept))}</tbody></table></div>
    <p class="small">A weight is how many pairs of the verdict one label stands for. Of what a rule lets through, the labels of all verdicts below it count by their weights. To have the labels as a file, run <code>lait labels export</code>.</p>`;
}

const whole = (share) => Math.round(100 * share);

const interval = (share) =>
  share === null
    ? '–'
    : html`<b>${whole(share.share)} %</b> <span class="small">${whole(share.low)} to ${whole(share.high)}</span>`;
