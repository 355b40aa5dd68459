/** Training runs side by side, as they go on: what each measured in training and on held-out pairs, and how fast it is. */
import { html, nothing, repeat, svg } from './lit.js';
import { seenSection } from './seen.js';
import { number, percent, score } from './words.js';

/** Runs that have a colour of their own. */
const colours = 6;

export function runsTab(state) {
  const { runs } = state;
  if (runs === null) return html`<p role="status">Looking …</p>`;
  if (runs.length === 0) return html`<p>No run of this corpus has a log. <code>lait pretrain</code> makes one.</p>`;
  const shown = runs.slice(0, colours);
  return html`
    <div class="scroll" tabindex="0" role="region" aria-label="Runs"><table class="runs"><thead><tr>${['run', 'steps', 'loss', 'held out', 'best', 'samples/s', 'of peak', 'waiting for data'].map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
      <tbody>${repeat(runs, ({ name }) => name, runLine)}</tbody></table></div>
    <p class="small">Lines are training, dots held-out pairs.</p>
    <div class="panels">${panelsOf(shown).map((panel) => chart(panel))}</div>
    ${seenSection(state)}`;
}

function runLine({ name, step, totalSteps, reports, samplesPerSecond, peakShare, waitShare }, at) {
  const last = reports.at(-1);
  const heldOut = reports.findLast(({ validation }) => validation)?.validation.loss;
  const best = reports.findLast((report) => report.best)?.best;
  const shown = (value, words) => (value === null || value === undefined ? '–' : words(value));
  return html`<tr><th scope="row">${at < colours ? html`<svg class="key" viewBox="0 0 10 10" aria-hidden="true"><rect class="run-${at}" width="10" height="10"></rect></svg> ` : nothing}${name}</th>
    <td>${number(step)} of ${number(totalSteps)}</td><td>${shown(last.loss, score)}</td><td>${shown(heldOut, score)}</td>
    <td>${shown(best, ({ step: bestStep, by, value }) => `step ${number(bestStep)}, ${by} ${score(value)}`)}</td>
    <td>${shown(samplesPerSecond, score)}</td><td>${shown(peakShare, percent)}</td><td>${shown(waitShare, percent)}</td></tr>`;
}

/** Every measure that some run has, with its points by run. */
function panelsOf(runs) {
  const objectives = [...new Set(runs.flatMap(({ reports }) => Object.keys(reports.at(-1).losses)))];
  const panel = (title, of) => ({
    title,
    lines: runs.map(({ name, reports }) => ({
      name,
      training: pointsOf(reports, of),
      heldOut: pointsOf(reports, ({ step, validation }) => validation && of({ step, ...validation })),
    })),
  });
  return [
    panel('loss', ({ loss }) => loss),
    ...objectives.map((name) => panel(`${name}: loss`, ({ losses }) => losses?.[name])),
    ...objectives.map((name) => panel(`${name}: share right`, ({ accuracies }) => accuracies?.[name])),
    panel('recall@1: image for a text', ({ retrieval }) => retrieval?.image.r1),
    panel('recall@1: text for an image', ({ retrieval }) => retrieval?.text.r1),
  ].filter(({ lines }) => lines.some(({ training, heldOut }) => training.length + heldOut.length > 0));
}

const pointsOf = (reports, of) =>
  reports.flatMap((report) => {
    const value = of(report);
    return typeof value === 'number' && Number.isFinite(value) ? [[report.step, value]] : [];
  });

const [width, height] = [300, 150];

function chart({ title, lines }) {
  const all = lines.flatMap(({ training, heldOut }) => [...training, ...heldOut]);
  const steps = all.map(([step]) => step);
  const values = all.map(([, value]) => value);
  const [low, high, last] = [Math.min(...values), Math.max(...values), Math.max(...steps)];
  const x = (step) => ((step / (last || 1)) * width).toFixed(1);
  const y = (value) => (height - ((value - low) / (high - low || 1)) * height).toFixed(1);
  const ends = lines.flatMap(({ name, training, heldOut }) => {
    const end = (training.at(-1) ?? heldOut.at(-1))?.[1];
    return end === undefined ? [] : [`${name} ${score(end)}`];
  });
  return html`<figure><figcaption>${title}</figcaption>
    <svg viewBox="-4 -4 ${width + 8} ${height + 8}" role="img" aria-label="${title} by step, at the end: ${ends.join(', ')}">
      ${lines.map(
        (
          { training, heldOut },
          at,
        ) => svg`<polyline class="run-${at}" points=${training.map(([step, value]) => `${x(step)},${y(value)}`).join(' ')}></polyline>
          ${heldOut.map(([step, value]) => svg`<circle class="run-${at}" cx=${x(step)} cy=${y(value)} r="3"></circle>`)}`,
      )}</svg>
    <p class="axis"><span>${score(low)} to ${score(high)}</span><span>step ${number(last)}</span></p></figure>`;
}
