/** Rules that judge by a stored number: a histogram each, a slider at today's threshold, and what another one would keep. */
import { addressOf } from './address.js';
import { get, post } from './api.js';
import { html, live, nothing, repeat, svg } from './lit.js';
import { card } from './pairs.js';
import { number, percent, plural, rounded, score } from './words.js';

/** Steps of a slider. */
const steps = 1000;

const meanings = {
  'image/dominant': 'How likely the picture is of what its page is about.',
  'image/size': 'Shorter side of the picture in pixels.',
  'image/bytes': 'Length of the picture’s file in bytes.',
  'image/flat': 'Entropy of the grey values in bits: pictures of nearly one colour have little.',
  'image/blur': 'Variance of the Laplacian: blurred pictures have little.',
  'image/unsafe': 'How likely the picture is pornographic or racy.',
  'image/photo': 'How likely the picture is a photograph.',
  'match/relevance': 'How well the text fits the picture, by the relevance model.',
};

export async function loadThresholds(state) {
  try {
    const list = await get('/api/thresholds');
    state.thresholds = list.map((one) => ({
      ...one,
      to: one.configured ?? one.today,
      moved: null,
      isAsking: false,
      told: null,
    }));
    state.draw();
    for (const one of state.thresholds) await ask(one, state);
  } catch (error) {
    state.failTab('thresholds', error);
  }
}

/** Asks what the threshold would change; one question at a time, and the last one is answered. */
async function ask(one, state) {
  if (one.isAsking || one.to === null) return;
  one.isAsking = true;
  try {
    for (let asked = null; asked !== one.to; ) {
      asked = one.to;
      one.moved = await get('/api/thresholds/move', { rule: one.rule, to: asked });
      state.draw();
    }
  } catch (error) {
    state.fail(error);
  } finally {
    one.isAsking = false;
  }
}

export function thresholdsTab(state) {
  const { thresholds } = state;
  if (thresholds === null) return html`<p role="status">Reading scores …</p>`;
  if (thresholds.length === 0) {
    return html`<p>No rule of this corpus has stored numbers. Run <code>lait filter</code> first.</p>`;
  }
  return html`<p class="lead">Move a threshold to see what it would keep, from numbers that are stored. Nothing is written${
    state.corpus?.mayEdit ? ' until you say so' : ''
  }.</p>${repeat(
    thresholds,
    ({ rule }) => rule,
    (one) => section(one, state),
  )}`;
}

const scaleOf = ({ low, high, isLogarithmic, isWhole }) => {
  const to = isLogarithmic ? Math.log1p : (value) => value;
  const from = isLogarithmic ? Math.expm1 : (value) => value;
  const [start, span] = [to(low), to(high) - to(low) || 1];
  return {
    share: (value) => Math.min(1, Math.max(0, (to(value) - start) / span)),
    value: (share) => {
      const value = rounded(from(start + share * span));
      return isWhole ? Math.round(value) : value;
    },
  };
};

function section(one, state) {
  const { rule, setting, today, to, scored, unscored } = one;
  const scale = scaleOf(one);
  const move = (value) => {
    if (!Number.isFinite(value)) return;
    one.to = one.isWhole ? Math.round(value) : value;
    one.told = null;
    state.draw();
    ask(one, state);
  };
  const id = rule.replace('/', '-');
  return html`<section class="threshold" id=${id} aria-labelledby="${id}-title">
    <h2 id="${id}-title">${rule}</h2>
    <p>${meanings[rule]} ${plural(scored, 'pair')} with a number${unscored > 0 ? `, ${number(unscored)} without` : ''}${
      today === null ? '; judged without a threshold' : `; judged with ${score(today)}`
    }.</p>
    ${histogram(one, scale)}
    <input type="range" min="0" max=${steps} step="1" .value=${live(String(Math.round(scale.share(to ?? one.low) * steps)))}
      aria-label="Threshold of ${rule}" aria-valuetext=${to === null ? 'none' : score(to)}
      @input=${({ target }) => move(scale.value(Number(target.value) / steps))}>
    <p class="row"><label>${setting} <input type="number" step="any" .value=${live(to === null ? '' : String(to))}
      @change=${({ target }) => target.value !== '' && move(Number(target.value))}></label>
      <button ?disabled=${today === null || to === today} @click=${() => move(today)}>Back to today's</button>
      ${state.corpus?.mayEdit && one.canBeSet ? html`<button class="main" ?disabled=${to === null || to === one.configured} @click=${() => use(one, state)}>Use this</button>` : nothing}
    </p>
    <p class="told" role="status">${one.told ?? nothing}</p>
    ${one.moved === null ? nothing : outcome(one, state)}
  </section>`;
}

const [width, height] = [640, 110];

function histogram({ counts, low, high, today, to, rule }, scale) {
  const most = Math.max(1, ...counts);
  const step = width / counts.length;
  const line = (value, name) =>
    value === null
      ? nothing
      : svg`<line class=${name} x1=${scale.share(value) * width} x2=${scale.share(value) * width} y1="0" y2=${height}></line>`;
  return html`<div class="histogram"><svg viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" role="img" aria-label="Numbers of ${rule} from ${score(low)} to ${score(high)}">
    ${counts.map((count, at) => {
      const tall = count === 0 ? 0 : Math.max(1.5, (count / most) * height);
      return svg`<rect x=${at * step} y=${height - tall} width=${step - 1} height=${tall}></rect>`;
    })}${line(today, 'today')}${line(to, 'moved')}</svg>
    <p class="axis"><span>${score(low)}</span><span>${score(high)}</span></p></div>`;
}

function outcome({ rule, moved }, state) {
  const { entered, kept, keptByAll, regained, lost, lostOfKept, pictures } = moved;
  const changes = [
    ...(lost > 0
      ? [
          `${plural(lost, 'pair')} would go${lostOfKept === lost ? '' : `, ${number(lostOfKept)} of them kept by all rules today`}`,
        ]
      : []),
    ...(regained > 0 ? [`${plural(regained, 'pair')} would come back, for the rules after it to judge`] : []),
  ];
  return html`<p class="outcome">It would keep <b>${number(kept)}</b> of ${number(entered)} pairs${
    entered === 0 ? nothing : ` (${percent(kept / entered)})`
  }; of those that all rules keep today <b>${number(keptByAll)}</b> would stay, as far as rules over the whole corpus (duplicates, shares) leave it so. ${changes.length === 0 ? 'No pair changes sides.' : `${changes.join('; ')}.`}</p>
  ${
    pictures.length === 0
      ? nothing
      : html`<h3>Changing sides, the nearest first</h3>
        <ul class="grid nine" aria-label="Pairs of ${rule} that change sides">${repeat(
          pictures,
          ({ id }) => id,
          (pair) => card(pair, addressOf({ tab: state.tab, pair: pair.id })),
        )}</ul>`
  }`;
}

async function use(one, state) {
  try {
    const { path, command } = await post('/api/settings', { setting: one.setting, value: one.to });
    one.configured = one.to;
    one.told = html`Wrote ${one.setting}: ${one.to} to ${path}. Now run <code>${command}</code>`;
    state.draw();
  } catch (error) {
    state.fail(error);
  }
}
