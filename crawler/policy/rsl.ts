/**
 * RSL 1.0 (Really Simple Licensing, December 2025): a licence file, or the same in a page, says for which paths which uses are
 * permitted and prohibited, for whom and for how much. What is followed: prohibitions of every `content` that covers a URL hold
 * and win over permissions that are not more specific (§3.1.1); permissions are those of the most specific one, and where there
 * are some, what they do not name is not licensed; tokens are those of §3.4.1.1. We pay nothing, ask no licence server and know
 * neither who will use a corpus nor where, so a licence with a price, a server or such limits licenses nothing to us.
 */
import { Parser } from 'htmlparser2';
import { comparablePath, comparablePattern, matchesPath } from './path-pattern.ts';

/** One `license`; tokens in lower case. */
export interface RslLicence {
  /** Null when no use is named. */
  readonly permits: readonly string[] | null;
  readonly prohibits: readonly string[];
  /** For certain users or places only, or for money. */
  readonly conditional: boolean;
}

export interface RslContent {
  /** A path pattern or a URL; empty for all that the licence belongs to. */
  readonly url: string;
  /** A licence must be had from a server before. */
  readonly server: boolean;
  readonly licences: readonly RslLicence[];
}

/** Ours: files have a handful; a content element is cheap to write and must be matched with every URL. */
const maxContents = 1000;
const maxLicences = 50;
const maxTokens = 50;
const maxDepth = 100;
const maxTextLength = 2000;

/** Payments that cost nothing but a mention (§3.7). */
const unpaid = new Set(['free', 'attribution']);

type Building = { permits: string[] | null; prohibits: string[]; conditional: boolean };

/** Reads a licence file; null when it is none. It need not be well-formed, elements count by their local names. */
export function parseRsl(xml: string): RslContent[] | null {
  const contents: { url: string; server: boolean; licences: Building[] }[] = [];
  let isRsl = false;
  let content: (typeof contents)[number] | undefined;
  let licence: Building | undefined;
  let type = '';
  let text = '';
  let depth = 0;
  const parser = new Parser(
    {
      onopentag(qualified, attribs) {
        depth += 1;
        text = '';
        const name = localName(qualified);
        if (name === 'rsl') isRsl = true;
        if (!isRsl || depth > maxDepth) return depth > maxDepth ? parser.pause() : undefined;
        if (name === 'content') {
          if (contents.length >= maxContents) return parser.pause();
          content = { url: (attribs.url ?? '').trim(), server: (attribs.server ?? '').trim() !== '', licences: [] };
          contents.push(content);
        } else if (name === 'license' && content && content.licences.length < maxLicences) {
          licence = { permits: null, prohibits: [], conditional: false };
          content.licences.push(licence);
        } else if (name === 'permits' || name === 'prohibits') type = (attribs.type ?? 'usage').trim().toLowerCase();
        else if (name === 'payment' && licence && !unpaid.has((attribs.type ?? '').trim().toLowerCase()))
          licence.conditional = true;
      },
      ontext(data) {
        if (text.length < maxTextLength) text += data;
      },
      onclosetag(qualified) {
        depth -= 1;
        const name = localName(qualified);
        if ((name === 'permits' || name === 'prohibits') && licence) {
          const tokens = text
            .toLowerCase()
            .split(/[\s,]+/, maxTokens)
            .filter((token) => token !== '');
          if (type !== 'usage') licence.conditional = true;
          else if (name === 'prohibits') licence.prohibits.push(...tokens);
          else licence.permits = [...(licence.permits ?? []), ...tokens];
        }
        if (name === 'license') licence = undefined;
        if (name === 'content') content = undefined;
        text = '';
      },
    },
    { xmlMode: true, decodeEntities: true },
  );
  parser.write(xml);
  return isRsl ? contents : null;
}

const localName = (qualified: string): string => qualified.slice(qualified.indexOf(':') + 1).toLowerCase();

/** How specifically a token means training; 0 when it does not. The last two are of drafts, and in use. */
const specificity: Readonly<Record<string, number>> = {
  all: 1,
  'ai-all': 2,
  'ai-train': 3,
  'train-ai': 3,
  'train-genai': 3,
};

const mostSpecific = (tokens: readonly string[]): number =>
  Math.max(0, ...tokens.map((token) => (Object.hasOwn(specificity, token) ? specificity[token]! : 0)));

/** The `content` elements that cover a URL, the most specific first. */
function covering(contents: readonly RslContent[], url: string): { content: RslContent; length: number }[] {
  const path = comparablePath(url);
  return contents
    .flatMap((content) => {
      const pattern = patternFor(content.url, url);
      if (pattern === null || !matchesPath(pattern, path)) return [];
      return [{ content, length: pattern.length }];
    })
    .sort((a, b) => b.length - a.length);
}

/** The path pattern, in the form for comparing; null for another host's. */
function patternFor(written: string, url: string): string | null {
  if (!/^[a-z][a-z\d+.-]*:|^\/\//i.test(written)) return comparablePattern(written);
  const [, host = '', path = ''] = /^(?:https?:)?\/\/([^/?#]*)([^#]*)/i.exec(written) ?? [];
  return host.toLowerCase() === new URL(url).host ? comparablePattern(path) : null;
}

/** What covers a URL and keeps it from training; null when nothing does. */
export function rslReservation(contents: readonly RslContent[], url: string): RslContent | null {
  const covers = covering(contents, url).filter(({ content }) => content.licences.length > 0);
  const prohibiting = covers.find(({ content }) => content.licences.some(prohibitsTraining));
  if (prohibiting) return prohibiting.content;
  const nearest = covers.filter(({ length }) => length === covers[0]!.length);
  return nearest.find(({ content }) => content.server || !content.licences.some(permitsTraining))?.content ?? null;
}

function prohibitsTraining({ permits, prohibits }: RslLicence): boolean {
  const level = mostSpecific(prohibits);
  return level > 0 && level >= mostSpecific(permits ?? []);
}

const permitsTraining = ({ permits, conditional }: RslLicence): boolean =>
  !conditional && (permits === null || mostSpecific(permits) > 0);

/** Targets of `Link: <…>; rel="license"; type="application/rsl+xml"` (RFC 8288), as written. */
export function rslLinks(header: string | string[] | undefined): string[] {
  return [header ?? []]
    .flat()
    .flatMap((value) =>
      [...value.matchAll(/<([^<>]*)>([^<]*)/g)].flatMap(([, target = '', parameters = '']) =>
        relationsOf(parameters).includes('license') && isRslType(/;\s*type\s*=\s*"?([^";,\s]*)/i.exec(parameters)?.[1])
          ? [target.trim()]
          : [],
      ),
    );
}

/** The words of a link's first `rel`, in lower case. */
function relationsOf(parameters: string): string[] {
  const [, quoted, bare] = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]*))/i.exec(parameters) ?? [];
  return (quoted ?? bare ?? '').toLowerCase().split(/\s+/);
}

export const isRslType = (type: string | undefined): boolean => /^\s*application\/rsl\+xml\s*(?:;|$)/i.test(type ?? '');
