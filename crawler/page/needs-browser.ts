/**
 * Does a page need a browser? The walk gathers signs that scripts would add something; they decide, together with what rendering
 * gained on the same host before. A browser costs some hundred times as much as a parse.
 */
import type { Element } from 'domhandler';
import { textOf } from './visible-text.ts';
import { hasImage, walk } from './walk.ts';

/** What suggests that scripts would add something to a page. */
export interface ScriptSigns {
  readonly scripts: number;
  /** Visible characters outside boilerplate. */
  readonly mainTextLength: number;
  /** The element that an application fills in is empty or says that it is loading. */
  readonly emptyRoot: boolean;
  /** A script of the page writes images into it. */
  readonly scriptWritesImages: boolean;
  /** Figures with at most a caption in them. */
  readonly emptyFigures: number;
  /** Empty elements with an id or data attributes, which a script may fill in. */
  readonly emptyContainers: number;
  /** Images whose source is a placeholder and whose file is named nowhere in the page. */
  readonly unresolvedPlaceholders: number;
  /** A `noscript` asks to switch JavaScript on. */
  readonly asksForScript: boolean;
}

/** Characters. A page with less text is an empty shell. Ours: a paragraph is rarely shorter. */
const minTextLength = 200;

/** Renderings without gain after which weak signs of a host are ignored, and strong ones: pages of one host differ. Ours. */
const maxTries = 3;
const maxStrongTries = 12;

/** Why the page should be rendered, or null. Signs count as long as rendering pays on this host, strong ones for longer. */
export function needsBrowser(
  signs: ScriptSigns,
  foundImages: number,
  host: { readonly renderTries: number; readonly renderGains: number },
): string | null {
  if (signs.scripts === 0) return null;
  // One in four renderings gained something.
  const pays = host.renderGains * 4 >= host.renderTries;
  if (pays || host.renderTries < maxStrongTries) {
    if (signs.emptyRoot) return 'empty-root';
    if (signs.scriptWritesImages) return 'script-writes-images';
    if (signs.emptyFigures > 0) return 'empty-figure';
  }
  if (!pays && host.renderTries >= maxTries) return null;
  if (signs.asksForScript && signs.mainTextLength < minTextLength) return 'asks-for-script';
  if (foundImages > 0) return null;
  if (signs.unresolvedPlaceholders > 0) return 'placeholder-images';
  if (signs.mainTextLength < minTextLength) return 'thin-text';
  if (signs.emptyContainers > 0) return 'empty-container';
  return null;
}

const appRoot =
  /^(?:app|root|__next|__nuxt|___gatsby|react-root|app-root|main-app|application|svelte|ember-app|vue-app|mount|spa)$/i;
const loadingText =
  /^(?:loading|please wait|lade[nt]?|wird geladen|chargement|cargando|caricamento|carregando|laden|загрузка|読み込み中|加载中|로딩)\W*$/i;
const containerNames = new Set(['div', 'section', 'article', 'main', 'ul']);

/** Empty elements that are filled in with widgets, not content: Facebook, Google, Disqus and the like, and anchors of menus. */
const widgetName =
  /(?:^|[^a-z])(?:fb|google|goog|disqus|gpt|ad|ads|cookie|consent|captcha|recaptcha|share|social|modal|overlay|toast|popup|tooltip|portal|announcer|search|map|player|chat|progress|backdrop|clear|clearfix|spacer|divider|nav|menu|header|footer)(?:[^a-z]|$)/i;

/** Elements of a page whose content is examined; more would tell nothing new. */
const maxExamined = 50;

/** Elements of a figure that are examined; a larger one is not empty. */
const maxFigureElements = 200;

/** Gathers the signs of one page as the walk meets them. */
export class ScriptSignCollector {
  readonly #signs = {
    scripts: 0,
    mainTextLength: 0,
    emptyRoot: false,
    scriptWritesImages: false,
    emptyFigures: 0,
    emptyContainers: 0,
    unresolvedPlaceholders: 0,
    asksForScript: false,
  };
  #examined = 0;

  addElement(element: Element, isBoilerplate: boolean): void {
    const { name, attribs } = element;
    // A page whose only script is in an attribute: most of these go elsewhere.
    if (name === 'body' && attribs.onload !== undefined) this.addScript('', attribs.onload);
    if (name === 'figure') {
      if (this.#mayExamine() && isEmptyFigure(element)) this.#signs.emptyFigures += 1;
    } else if (
      name === 'app-root' ||
      (attribs.id !== undefined && appRoot.test(attribs.id)) ||
      attribs['data-reactroot'] !== undefined
    ) {
      if (!this.#signs.emptyRoot && this.#mayExamine() && textOf(element, 100).length <= 40 && !hasImage(element))
        this.#signs.emptyRoot = true;
    } else if (!isBoilerplate && containerNames.has(name) && isEmpty(element)) {
      const names = `${attribs.id ?? ''} ${attribs.class ?? ''}`.slice(0, 500);
      const isFilledIn = attribs.id !== undefined || Object.keys(attribs).some((key) => key.startsWith('data-'));
      if (isFilledIn && !widgetName.test(names)) this.#signs.emptyContainers += 1;
    }
  }

  addScript(type: string, code: string): void {
    if (type !== '' && !/javascript|module/i.test(type)) return;
    this.#signs.scripts += 1;
    if (/<(?:img|figure|picture)\b|createElement\(\s{0,9}['"]img/i.test(code)) this.#signs.scriptWritesImages = true;
  }

  addNoscript(element: Element): void {
    if (!this.#signs.asksForScript && this.#mayExamine() && /javascript/i.test(textOf(element, 200)))
      this.#signs.asksForScript = true;
  }

  addPlaceholder(): void {
    this.#signs.unresolvedPlaceholders += 1;
  }

  /** `text` is without whitespace at the ends. */
  addText(text: string): void {
    if (text.length < 40 && loadingText.test(text)) this.#signs.emptyRoot = true;
  }

  finish(mainTextLength: number): ScriptSigns {
    return { ...this.#signs, mainTextLength };
  }

  #mayExamine(): boolean {
    this.#examined += 1;
    return this.#examined <= maxExamined;
  }
}

const isEmpty = ({ children }: Element): boolean =>
  children.length <= 3 &&
  children.every((child) => child.type === 'comment' || (child.type === 'text' && child.data.trim() === ''));

/** Nothing but a caption: no picture, drawing or other text. */
function isEmptyFigure(figure: Element): boolean {
  let empty = true;
  let visited = 0;
  walk(figure, {
    enter: ({ name, attribs }) => {
      visited += 1;
      if (name === 'figcaption' || visited > maxFigureElements) return false;
      if (/^(?:img|picture|amp-|svg|object|embed|iframe|video|audio|canvas|math|noscript)/.test(name)) empty = false;
      if (attribs.style?.includes('url(')) empty = false;
      return empty;
    },
    text: (data) => {
      if (data.trim() !== '') empty = false;
    },
  });
  return empty && visited <= maxFigureElements;
}
