/** The one place that the page takes its library from. Templates of lit-html put values into text and attributes, never into markup. */

export { live } from '../../../node_modules/lit-html/directives/live.js';
export { repeat } from '../../../node_modules/lit-html/directives/repeat.js';
export { html, nothing, render, svg } from '../../../node_modules/lit-html/lit-html.js';
