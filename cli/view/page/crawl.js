/** How a crawl is doing, as it writes: rates, what waits, what went wrong and why, and the newest pictures. */
import { addressOf } from './address.js';
import { html, nothing, repeat } from './lit.js';
import { card } from './pairs.js';
import { number } from './words.js';

export function crawlTab({ crawl, tab }) {
  if (crawl === null) return html`<p role="status">Looking …</p>`;
  const { pagesAMinute, picturesAMinute, newest, outcomes, frontier } = crawl;
  const figures = [
    ['new pages in the last minute', pagesAMinute],
    ['pictures in the last minute', picturesAMinute],
    ...(frontier === null
      ? []
      : [
          ['URLs queued', frontier.queued],
          ['being fetched', frontier.active],
          ['hosts ready', frontier.hostsReady],
          ['hosts that rest', frontier.hostsWaiting],
          ...(frontier.putOff > 0 ? [['URLs put off', frontier.putOff]] : []),
        ]),
  ];
  return html`
    <dl class="figures">${figures.map(([name, value]) => html`<div><dt>${name}</dt><dd>${number(value)}</dd></div>`)}</dl>
    <div class="beside">
      ${outcomeTable('Pages', outcomes, 'page')}${outcomeTable('Pictures', outcomes, 'image')}
      ${
        frontier === null || frontier.hosts.length === 0
          ? nothing
          : html`<section><h2>Most is queued at</h2><table><thead><tr><th scope="col">host</th><th scope="col">queued</th><th scope="col">pages</th></tr></thead>
            <tbody>${frontier.hosts.map(({ name, queued, pages }) => html`<tr><td>${name}</td><td>${number(queued)}</td><td>${number(pages)}</td></tr>`)}</tbody></table></section>`
      }
    </div>
    <section aria-label="Newest pictures"><h2>Newest pictures</h2>
      ${newest.length === 0 ? html`<p>None is stored yet.</p>` : nothing}
      <ul class="grid">${repeat(
        newest,
        ({ id }) => id,
        (pair) => card(pair, addressOf({ tab, pair: pair.id })),
      )}</ul></section>`;
}

function outcomeTable(title, outcomes, kind) {
  const rows = outcomes.filter(({ of }) => of === kind);
  return html`<section><h2>${title}</h2>${
    rows.length === 0
      ? html`<p>None yet.</p>`
      : html`<table><thead><tr><th scope="col">what became of them</th><th scope="col">how many</th></tr></thead>
        <tbody>${rows.map(({ status, reason, count }) => html`<tr><td>${status}${reason === null ? '' : `: ${reason}`}</td><td>${number(count)}</td></tr>`)}</tbody></table>`
  }</section>`;
}
