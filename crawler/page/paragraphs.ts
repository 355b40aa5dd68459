/** Elements that hold a paragraph of text, on sites with and without `p`. */
import type { Element } from 'domhandler';

const names = new Set(['p', 'li', 'dd', 'blockquote', 'td']);
const classes = /^(?:para|paragraph|simpara|text)$/;

export const isParagraph = ({ name, attribs }: Element): boolean =>
  names.has(name) || (name === 'div' && attribs.class !== undefined && classes.test(attribs.class));
