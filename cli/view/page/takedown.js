/** A takedown: first what it would touch, then, where that is allowed and was looked at, the takedown itself. */
import { addressOf } from './address.js';
import { post } from './api.js';
import { html, live, nothing, repeat } from './lit.js';
import { card } from './pairs.js';
import { megabytes, number, plural } from './words.js';

export const emptyTakedown = () => ({ names: '', preview: null, done: null, isBusy: false, isLookedAt: false });

/** Shows what the address names; nothing is asked until somebody does. */
export function loadTakedown(state) {
  const { what } = state.takedown;
  if (what === undefined || what === state.takingDown.names) return;
  state.takingDown = { ...emptyTakedown(), names: what };
  look(state);
}

async function look(state) {
  const taking = { ...emptyTakedown(), names: state.takingDown.names, isBusy: true };
  state.takingDown = taking;
  state.draw();
  await during(taking, state, async () => {
    taking.preview = await post('/api/takedown/preview', { names: taking.names });
  });
}

async function takeDown(note, state) {
  const taking = state.takingDown;
  taking.isBusy = true;
  state.draw();
  await during(taking, state, async () => {
    taking.done = await post('/api/takedown', { names: taking.names, note });
    taking.preview = null;
    state.reload();
  });
}

async function during(taking, state, work) {
  try {
    await work();
  } catch (error) {
    state.fail(error);
  } finally {
    taking.isBusy = false;
    state.draw();
  }
}

export function takedownTab(state) {
  const { takingDown: taking } = state;
  const ask = (event) => {
    event.preventDefault();
    state.takingDown.names = String(new FormData(event.target).get('names'));
    look(state);
  };
  return html`
    <form class="names" aria-label="Takedown" @submit=${ask}>
      <label>URLs of pictures or pages, hosts or hashes of pictures, one a line
        <textarea name="names" rows="4" required spellcheck="false" .value=${live(taking.names)}></textarea></label>
      <p class="row"><button class="main" ?disabled=${taking.isBusy}>Show what it would touch</button>
        <span role="status">${taking.isBusy ? 'Looking through ledger, exports and pages …' : nothing}</span></p>
    </form>
    ${taking.preview === null ? nothing : preview(state)}${taking.done === null ? nothing : result(taking.done)}`;
}

const list = (title, places) =>
  places.length === 0
    ? nothing
    : html`<h3>${title}</h3><ul class="places">${places.map((place) => html`<li dir="auto">${place}</li>`)}</ul>`;

function preview(state) {
  const { takingDown: taking, corpus } = state;
  const { images, bytes, urls, pages, pairs, samples, shards, deleted, unreached, learned, shown } = taking.preview;
  const figures = [
    ['pictures overwritten in raw/', number(images)],
    ['of their bytes', megabytes(bytes)],
    ['URLs refused from then on', number(urls)],
    ['pairs leave the ledger', number(pairs)],
    ['samples leave exports', number(samples)],
    ['shards rewritten', number(shards.length)],
    ['kept pages blanked', number(pages)],
  ];
  return html`<section aria-label="What it would touch">
    <h2>What it would touch</h2>
    ${
      images + pairs + samples + pages === 0
        ? html`<p>The corpus has nothing of this. A takedown would refuse it from then on.</p>`
        : html`<dl class="figures">${figures.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`
    }
    ${list('Shards that would be rewritten', shards)}${list('Files that would be deleted, lait writes them again', deleted)}
    ${list('Not reached: a copy may be here', unreached)}
    ${list('Runs that learned from these shards: their weights stay as they are', learned)}
    ${
      shown.length === 0
        ? nothing
        : html`<h3>${shown.length < pairs ? `The first ${number(shown.length)} of ${plural(pairs, 'pair')}` : plural(pairs, 'pair')}</h3>
          <ul class="grid nine">${repeat(
            shown,
            ({ id }) => id,
            (pair) => card(pair, addressOf({ tab: 'takedown', takedown: state.takedown, pair: pair.id })),
          )}</ul>`
    }
    ${corpus?.mayEdit ? confirmation(state) : html`<p class="lead">Nothing was changed. To take it down, start <code>lait view --edit</code>, or run <code>lait takedown</code>.</p>`}
  </section>`;
}

function confirmation(state) {
  const { takingDown: taking } = state;
  const submit = (event) => {
    event.preventDefault();
    takeDown(String(new FormData(event.target).get('note')), state);
  };
  return html`<form class="confirm" aria-label="Take it down" @submit=${submit}>
    <p>What is taken down is erased for good, and does not come back with a later crawl.</p>
    <p class="row"><label>Note: who asked, or why <input name="note" maxlength="1000" autocomplete="off"></label></p>
    <p class="row"><label class="check"><input type="checkbox" .checked=${live(taking.isLookedAt)} @change=${({
      target,
    }) => {
      taking.isLookedAt = target.checked;
      state.draw();
    }}> I have looked at what it would touch</label>
      <button class="danger" ?disabled=${!taking.isLookedAt || taking.isBusy}>Take it down for good</button></p></form>`;
}

function result({
  images,
  bytes,
  pairs,
  samples,
  pages,
  tombstones,
  shardsRewritten,
  deleted,
  unreached,
  learned,
  left,
  fault,
}) {
  return html`<section aria-label="Taken down"><h2>Taken down</h2>
    <p role="status">Removed ${plural(images, 'picture')} (${megabytes(bytes)}), ${plural(pairs, 'pair')}, ${plural(samples, 'sample')} and ${plural(pages, 'kept page')}; ${plural(tombstones, 'new tombstone')}. ${
      left.length === 0 ? 'A search afterwards finds nothing of it.' : nothing
    }</p>
    ${fault === null ? nothing : html`<p class="error" role="alert" dir="auto">${fault}</p>`}
    ${list('STILL FOUND', left)}${list('Rewritten', shardsRewritten)}${list('Deleted, lait writes them again', deleted)}
    ${list('Not reached: a copy may be here', unreached)}${list('Runs that learned from it: their weights stay as they are', learned)}</section>`;
}
