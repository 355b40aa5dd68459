/** What tells whether scripts would add something to a page, gathered as the walk meets it; needs-browser.ts decides. */
import type { Element } from 'domhandler';
import { textOf } from './clean-text.ts';
import { hasImage, walk } from './walk.ts';

export interface ScriptSigns {
  readonly scripts: number;
  /** Visible characters outside header, navigation, aside and footer. */
  readonly mainTextLength: number;
  /** An element that an application fills in is empty or says that it is loading. */
  readonly emptyRoot: boolean;
  /** A script of the page writes images into it. */
  readonly scriptWritesImages: boolean;
  /** Figures in which there is nothing but a caption at most. */
  readonly emptyFigures: number;
  /** Elements with a name or data in which there is nothing, where a script may put something. */
  readonly emptyContainers: number;
  /** Images whose source is a placeholder and whose real address is nowhere in the page. */
  readonly unresolvedPlaceholders: number;
  readonly asksForScript: boolean;
}

const appRoot =
  /^(?:app|root|__next|__nuxt|___gatsby|react-root|app-root|main-app|application|svelte|ember-app|vue-app|mount|spa)$/i;
const loadingText =
  /^(?:loading|please wait|lade[nt]?|wird geladen|chargement|cargando|caricamento|carregando|laden|загрузка|読み込み中|加载中|로딩)\W*$/i;
const containers = new Set(['div', 'section', 'article', 'main', 'ul']);

/** Empty elements that widgets fill in, not content: Facebook, Google, Disqus and the like, and anchors of menus. */
const widgetName =
  /(?:^|[^a-z])(?:fb|google|goog|disqus|gpt|ad|ads|cookie|consent|captcha|recaptcha|share|social|modal|overlay|toast|popup|tooltip|portal|announcer|search|map|player|chat|progress|backdrop|clear|clearfix|spacer|divider|nav|menu|header|footer)(?:[^a-z]|$)/i;
/** So many looks into elements are enough to know. */
const mostLooks = 50;

export interface SignReader {
  readonly element: (element: Element, isFurniture: boolean) => void;
  readonly script: (type: string, data: string) => void;
  readonly noscript: (element: Element) => void;
  readonly placeholder: () => void;
  readonly text: (trimmed: string) => void;
  readonly signs: (mainTextLength: number) => ScriptSigns;
}

/** Gathers the signs of one page. */
export function openSignReader(): SignReader {
  let scripts = 0;
  let emptyRoot = false;
  let scriptWritesImages = false;
  let unresolvedPlaceholders = 0;
  let asksForScript = false;
  let emptyFigures = 0;
  let emptyContainers = 0;
  let looks = 0;
  return {
    element: (element, isFurniture) => {
      const { name, attribs } = element;
      if (name === 'figure') {
        if (looks++ < mostLooks && isEmptyFigure(element)) emptyFigures += 1;
        return;
      }
      if (name === 'app-root' || appRoot.test(attribs.id ?? '') || attribs['data-reactroot'] !== undefined) {
        if (!emptyRoot && looks++ < mostLooks && textOf(element, 100).length <= 40 && !hasImage(element))
          emptyRoot = true;
        return;
      }
      if (isFurniture || !containers.has(name) || !isEmpty(element)) return;
      const names = `${attribs.id ?? ''} ${attribs.class ?? ''}`.slice(0, 500);
      const filledIn = attribs.id !== undefined || Object.keys(attribs).some((key) => key.startsWith('data-'));
      if (filledIn && !widgetName.test(names)) emptyContainers += 1;
    },
    script: (type, data) => {
      if (type !== '' && !/javascript|module/i.test(type)) return;
      scripts += 1;
      if (/<(?:img|figure|picture)\b|createElement\(\s{0,9}['"]img/i.test(data)) scriptWritesImages = true;
    },
    noscript: (element) => {
      if (!asksForScript && looks++ < mostLooks && /javascript/i.test(textOf(element, 200))) asksForScript = true;
    },
    placeholder: () => {
      unresolvedPlaceholders += 1;
    },
    text: (trimmed) => {
      if (trimmed.length < 40 && loadingText.test(trimmed)) emptyRoot = true;
    },
    signs: (mainTextLength) => ({
      scripts,
      mainTextLength,
      emptyRoot,
      scriptWritesImages,
      emptyFigures,
      emptyContainers,
      unresolvedPlaceholders,
      asksForScript,
    }),
  };
}

const isEmpty = ({ children }: Element): boolean =>
  children.length <= 3 &&
  children.every((child) => child.type === 'comment' || (child.type === 'text' && child.data.trim() === ''));

/** No picture, table, code or drawing, and no text but the caption's. */
function isEmptyFigure(figure: Element): boolean {
  let empty = true;
  let visited = 0;
  walk(figure, {
    enter: ({ name, attribs }) => {
      visited += 1;
      if (name === 'figcaption' || visited > 200) return false;
      if (/^(?:img|picture|amp-|svg|object|embed|iframe|video|audio|canvas|math|noscript)/.test(name)) empty = false;
      if (attribs.style?.includes('url(')) empty = false;
      return empty;
    },
    leave: () => {},
    text: (data) => {
      if (data.trim() !== '') empty = false;
    },
  });
  return empty && visited <= 200;
}
