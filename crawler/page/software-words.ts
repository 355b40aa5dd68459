/**
 * Texts that software writes at pictures of its own, or that it makes of what it knows of a file: the buttons and states of forums, sizes
 * of attached files, names of hosts, codes of emoticons, numbers of stock photographs, layers of a drawing program.
 */
import { isStockFile } from './credits.ts';

/** What boards and their readers do: phpBB, vBulletin, Invision, XenForo, Discourse. */
const boardAction =
  /^(?:likes?|thanks|haha|reply(?: with quote)?|quote|old|new post|go back|view (?:post|profile|first unread)|reload this page|thumbs (?:up|down)|offline|online|smilie|not allowed!?|report post|see who reacted\b.*)$/i;

/** What boards say of a reader. It may be a description elsewhere: "Queen Victoria's profile", "Location: Yosemite Valley". */
const boardReader: Readonly<Record<string, RegExp>> = {
  state: /^.{1,40} is (?:online now|online|offline)$/i,
  profile: /^.{1,40}[’']s (?:profile|avatar)$/i,
  place: /^(?:country|location): .{1,30}$/i,
};

/** Kinds of such texts by which a page is known as a board. */
const minBoardSigns = 2;

/** UTF-16 units. */
const maxBoardTextLength = 60;

/** Tells what boards say of readers, on a page whose pictures have texts of several such kinds. `texts` are those of its pictures. */
export function boardReaderTexts(texts: Iterable<string>): (text: string) => boolean {
  const signs = new Set<string>();
  for (const text of texts) {
    if (text.length > maxBoardTextLength) continue;
    if (boardAction.test(text)) signs.add('action');
    for (const [kind, pattern] of Object.entries(boardReader)) if (pattern.test(text)) signs.add(kind);
  }
  if (signs.size < minBoardSigns) return () => false;
  return (text) => text.length <= maxBoardTextLength && Object.values(boardReader).some((said) => said.test(text));
}

/** "DSC00813.JPG (23.21 KiB) Viewed 24712 times", "JPEG - 172.1 ko". */
const fileSize = /\d\s?(?:[KMG]i?B|[kMG]o|bytes)\b/i;
const fileFormat = /\.(?:jpe?g|png|gif|webp|avif|bmp|tiff?|pdf)\b|^(?:JPE?G|PNG|GIF|WEBP|PDF)\b/i;

const address =
  /^(?:https?:\/\/\S+|(?:[\p{L}\d-]+\.)+(?:com|org|net|info|edu|gov|io|ai|co|de|fr|uk|eu|nl|it|es|pl|ch|at|se|ru|br)(?:\/\S*)?)$/iu;
/** The part of an address that an article has, and a text with the spaces of one. */
const addressPart = /^\/\S+-\S+$|\D%20/;
const emoticon = /^:[\w+-]{2,30}:$/;

/** Layers of Figma, Sketch and Illustrator, and elements with a number. */
const layer = /^(?:frame|group|vector|rectangle|ellipse|artboard|layer|component|mask group)[\s_-]?\d+(?:[\s_-]\d+)*$/i;
const numberedElement = /^\p{Ll}{2,}-\d{1,3}$/u;

/** Words with a hyphen and a number that are no element's name. */
const wordWithNumber = /^(?:covid|sars-cov|type|vitamin|omega|area|route|formula|apollo|\p{L})-\d/iu;

/** An article's number, a colon, its colour in capitals: "MD2951LUA: GREEN STRIPE 2". "SN1987A: the ring" is a sentence. */
const articleNumber = /^(?=\S*\d{3})(?=\S*[A-Z])[A-Z\d-]{5,14}:\s[^\p{Ll}]{1,60}$/u;

/** True for a text that no person wrote to say what a picture shows. `text` is clean and short. */
export function isOfSoftware(text: string): boolean {
  return (
    boardAction.test(text) ||
    (fileSize.test(text) && fileFormat.test(text)) ||
    (!text.includes(' ') && (address.test(text) || emoticon.test(text) || addressPart.test(text))) ||
    isStockFile(text) ||
    (/\d/.test(text) &&
      (layer.test(text) || (numberedElement.test(text) && !wordWithNumber.test(text)) || articleNumber.test(text)))
  );
}
