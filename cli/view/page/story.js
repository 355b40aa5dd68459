/** The story of one pair in a dialog: the picture, its texts, what every rule said, and where all of it came from. */
import { addressOf } from './address.js';
import { get } from './api.js';
import { html, nothing, render } from './lit.js';
import { plural, score } from './words.js';

let shown = null;

/** Opens the story that the address names, or closes the one that is open. */
export async function openStory(state) {
  const dialog = document.querySelector('#story');
  const { pair } = state;
  shown = pair;
  if (pair === null) {
    if (dialog.open) dialog.close();
    return;
  }
  dialog.onclose = () => {
    if (shown !== null) location.hash = addressOf({ ...state, pair: null });
  };
  dialog.onclick = ({ target }) => {
    if (target === dialog) dialog.close();
  };
  dialog.onkeydown = (event) => turn(event, state);
  try {
    const story = await get(`/api/pairs/${pair}`);
    if (shown !== pair) return;
    render(content(story, state), dialog);
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
  } catch (error) {
    state.fail(error);
    location.hash = addressOf({ ...state, pair: null });
  }
}

/** The arrow keys go to the pairs beside it in the grid. */
function turn({ key }, state) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
  const at = state.grid.pairs.findIndex(({ id }) => id === state.pair);
  const next = step === undefined || at < 0 ? undefined : state.grid.pairs[at + step];
  if (next !== undefined) location.replace(addressOf({ ...state, pair: next.id }));
}

function content(story, state) {
  const { id, text, cleanedText, source, verdict, droppedBy, reason, hasPicture, rules, facts, others, imageUrl } =
    story;
  const said =
    verdict === 'dropped' ? `dropped by ${droppedBy}: ${reason}` : verdict === 'kept' ? 'kept' : 'not judged yet';
  return html`
    <form method="dialog" class="closing"><button class="close" aria-label="Close">×</button></form>
    <div class="story">
      <div class="whole">${
        hasPicture
          ? html`<a href="/picture/${id}/whole" target="_blank" rel="noopener"><img src="/picture/${id}/whole" alt="The picture of this pair"></a>`
          : html`<span class="none">no picture is stored</span>`
      }${hasPicture && state.corpus?.hasVectors ? likeIt(id) : nothing}</div>
      <div class="told">
        <h2 id="story-title" dir="auto">${cleanedText ?? text}</h2>
        <p class="small"><span class="verdict ${verdict}">${said}</span> <span>text from ${source}</span></p>
        ${cleanedText === null ? nothing : html`<p dir="auto"><span class="name">As found</span> ${text}</p>`}
        <h3>Rules</h3>
        ${rules.length === 0 ? html`<p>The recipe of today has not judged it.</p>` : html`<ol class="rules">${rules.map(ruleLine)}</ol>`}
        ${
          others.length === 0
            ? nothing
            : html`<h3>${plural(others.length, 'other text', 'other texts')} of this picture</h3><ul class="others">${others.map(
                (
                  other,
                ) => html`<li><a href=${addressOf({ ...state, pair: other.id })} dir="auto">${other.text === '' ? 'without a text' : other.text}</a>
                  <span class="small"><span class="verdict ${other.verdict}">${other.reason ?? other.verdict}</span> ${other.source}</span></li>`,
              )}</ul>`
        }
        <h3>Where it comes from</h3>
        <dl>${facts.map(
          ({ name, text: what, url }) =>
            html`<dt>${name}</dt><dd dir="auto">${url === undefined ? what : html`<a href=${url} target="_blank" rel="noopener noreferrer">${what}</a>`}</dd>`,
        )}</dl>
        <p class="row"><a class="button" href=${addressOf({ tab: 'takedown', takedown: { what: imageUrl } })}>What would a takedown touch?</a></p>
      </div>
    </div>`;
}

/** Ways from this picture to others. */
const likeIt = (id) => html`<p class="row like">
    <a class="button" href=${addressOf({ tab: 'search', search: { like: id, find: 'picture' } })}>Pictures like this</a>
    <a class="button" href=${addressOf({ tab: 'search', search: { like: id, find: 'text' } })}>Texts that fit it</a></p>`;

const marks = { kept: '✓', dropped: '✗', 'not-asked': '–' };
const marked = { kept: 'let it through', dropped: 'dropped it', 'not-asked': 'was not asked' };

function ruleLine({ rule, said, reason, score: value }) {
  return html`<li class=${said}><span aria-hidden="true">${marks[said]}</span> ${rule}<span class="hidden"> ${marked[said]}</span>${
    reason === null ? nothing : html` <b>${reason}</b>`
  }${value === null ? nothing : html` <span class="score">${score(value)}</span>`}</li>`;
}
