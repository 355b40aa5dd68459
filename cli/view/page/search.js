/** Search by meaning: pictures and texts near to words, or near to the picture of a pair. */
import { addressOf } from './address.js';
import { get } from './api.js';
import { html, live, nothing, repeat } from './lit.js';
import { card } from './pairs.js';
import { number, plural } from './words.js';

/** What can be found, in the words of the form. */
const kinds = { picture: 'pictures', text: 'texts' };

export const emptySearch = () => ({ facts: undefined, pairs: null, isLooking: false });

const kindOf = ({ find }) => (find === 'text' ? 'text' : 'picture');

/** Asks what can be searched, and for what the address names. */
export async function loadSearch(state) {
  const found = { ...emptySearch(), facts: state.found.facts };
  state.found = found;
  const { meaning: words, like: pair } = state.search;
  const isAsked = words !== undefined || pair !== undefined;
  found.isLooking = isAsked;
  state.draw();
  try {
    found.facts = await get('/api/meaning');
    if (found.facts !== null && isAsked) {
      found.pairs = await get('/api/meaning/found', { words, pair, find: kindOf(state.search) });
    }
  } catch (error) {
    if (state.found !== found) return;
    if (found.facts === undefined) state.failTab('search', error);
    else state.fail(error);
  } finally {
    found.isLooking = false;
    state.draw();
  }
}

export function searchTab(state) {
  const { found, search } = state;
  const { facts, pairs, isLooking } = found;
  if (facts === undefined) return html`<p role="status">Looking …</p>`;
  if (facts === null) {
    return html`<p>This corpus has no vectors to search by. <code>lait embed --relevance MODEL</code> makes them, with a CLIP, a file of <code>lait train-relevance</code> or a run that learned contrast.</p>`;
  }
  const kind = kindOf(search);
  return html`${searchForm(state)}
    <section aria-label="Found" aria-busy=${String(isLooking)}>
      ${search.like === undefined ? nothing : likeWhat(state)}
      <p class="count" role="status">${
        isLooking
          ? 'Looking … (the first search loads the model)'
          : pairs === null
            ? `${plural(facts.pictures, 'picture')} and ${plural(facts.texts, 'text')} have a vector, by ${facts.model}.`
            : pairs.length === 0
              ? 'Nothing was found.'
              : `The ${number(pairs.length)} nearest ${kinds[kind]}, the nearest first`
      }</p>
      <ul class="grid">${repeat(
        pairs ?? [],
        ({ id }) => id,
        (pair) =>
          card(
            pair,
            addressOf({ tab: 'search', search, pair: pair.id }),
            html`<b class="near" title="cosine">${pair.similarity.toFixed(2)}</b>`,
          ),
      )}</ul>
    </section>`;
}

/** The picture that others are like. */
function likeWhat({ search }) {
  return html`<p class="row likewhat"><a href=${addressOf({ tab: 'search', search, pair: search.like })}><img src="/picture/${search.like}/small" alt="The picture that is searched by"></a>
    <a class="button" href=${addressOf({ tab: 'search', search: { ...search, find: search.find === 'text' ? 'picture' : 'text' } })}>${search.find === 'text' ? 'Pictures like this' : 'Texts that fit it'}</a></p>`;
}

function searchForm(state) {
  const { search } = state;
  const go = (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const meaning = String(form.get('meaning')).trim();
    if (meaning === '') return;
    const address = addressOf({ tab: 'search', search: { meaning, find: String(form.get('find')) } });
    if (location.hash === address) loadSearch(state);
    else location.hash = address;
  };
  return html`<form class="row meaning" role="search" aria-label="Search by meaning" @submit=${go}>
    <label>Search by meaning <input name="meaning" type="search" maxlength="500" autocomplete="off" .value=${live(search.meaning ?? '')}></label>
    <label>Find <select name="find">${Object.entries(kinds).map(
      ([kind, name]) => html`<option value=${kind} ?selected=${kind === kindOf(search)}>${name}</option>`,
    )}</select></label>
    <button class="main">Search</button></form>`;
}
