/**
 * Texts that stand where a description would and describe nothing: names of files, the word "Image", what a template left
 * behind, credits, requests to click, sentences of machines. They are no texts of a picture, whatever a filter would say later.
 */
import { isCameraName } from '../../dataset/camera-names.ts';
import { pathOf } from '../policy/url.ts';
import { cleanText } from './clean-text.ts';
import { isCredit, withoutCredit } from './credits.ts';
import { isOfSoftware } from './software-words.ts';

/** Alone, or with a number before it: "A scan of boat.jpg" is a sentence. */
const imageExtension = /(?:^\S+|\d\S*)\.(?:jpe?g|png|gif|webp|avif|svg|bmp|tiff?|heic|jfif|ashx|aspx)$/i;

/** What scripts and templates leave behind where there was nothing to write. */
const unwritten =
  /^(?:undefined|null|none|false|true|nan|n\/?a|\[object .*)$|[#$]\{[^{}]*\}|UNIQ--|\{\{|\}\}|<%|%[({]|^lorem ipsum dolor/i;

/** Words of which each alone says only that there is a picture, in the languages of large sites. */
const empty =
  /^(?:(?:the|an?|article|blog|post|story|news|main|featured?|hero|lead|cover|header|background|stock|product|default|single|related|new|animated|card|tile|team|course|event|video|audio|player|profile|preview|spotlight|slider|carousel|gallery|banner|cta|category|collection|module|visual|resource|report|author|user|member|listing|content|promo|landing|page|section|block|widget|menu|desktop|mobile|overlay) )*(?:image|img|picture|pic|photo|foto|bild|imagen|immagine|imagem|afbeelding|obraz|kuva|graphic|illustration|animation|icon|logo|screenshot|slide|slider|thumbnail|thumb|banner|placeholder|cover|teaser|hero|default|untitled(?: design)?|blank|empty|spacer|loading|blog|alt|alt text|title|caption|unnamed|avatar|arrow|chevron|drop-?down|divider|portfolio)(?: (?:image|img|picture|photo|text))?(?: ?[#(]?\d{0,4}\)?)?[.…]*$/i;

/** The sentences with which services fill a missing description, and those that speak of the description itself. */
const machine =
  /^(?:may be (?:an?|a (?:graphic|meme|doodle|selfie|close-?up|cartoon|black-and-white))\b.*\b(?:image|photo|graphic|illustration|text|person|people)|image may contain|(?:no|this image has an empty|missing) (?:photo|image|picture|alt|description)|no (?:alternative text|alt text|description|caption) |the image is not available|click (?:on|to|here)|klicken|cliquez|tap to |(?:view|see|open|show|enlarge|zoom)(?: the| this| full)?(?: size)?(?: image| picture| photo| gallery| larger)|(?:(?:image|picture|photo|bild) )?(?:enlarge|zoom(?:ed)?|vergr[öo](?:ß|ss)er[nt]|agrandir|ampliar|ingrandisci)(?: (?:in|out|to|the|this|image|picture|photo|bild|view|on|l.image|la imagen|imagen|immagine|l.immagine)\b.*)?$|karte vergr|bild (?:vergr|öffnen)|(?:view|see|show) all(?: \w+)?$|(?:\S+ )?(?:video|item|ebook|book) thumbnail$|thumbnail$|video preview$|enter image description(?: here)?$|(?:please )?(?:enable|turn on|activate) (?:java ?script|cookies)(?: (?:in|on) (?:your|this|the) (?:web )?browser)?(?: to (?:view|use|see|continue|access|submit|complete)\b.*|[\s.!…]*$)|open media(?: \d+)? in (?:a )?modal$|(?:alternate|alternative|front|back|side|rear|top|bottom|detail|main|first|second|third|additional|secondary) (?:view|image|photo|picture|angle)s?$|fig(?:ure|\.)?\s*\d{0,3}[.:]?$|(?:get|book|request|schedule|try|start)(?: (?:an?|the|your|my|free|live))* (?:demo|trial|quote|consultation|call|now|today|started)$|preview (?:image )?(?:of|for) (?:an?|the|this) (?:\S+ )?(?:post|article|story|page|link|file|document|video|item)[.…]?$|(?:image )?thumbnail of an? \S+$|button for slide \d|(?:lazy ?)?(?:load|play)(?:ing)?(?: image| video| audio| please wait)?[\s:.…]*$|advert(?:isement)?$|anzeige$|sponsored$)/i;

/** The same sentences of social networks and office programs in other languages than English. */
const machineElsewhere =
  /^(?:möglicherweise (?:ein|eine) (?:bild|meme|grafik)|keine fotobeschreibung|peut[- ]être (?:une image|un (?:mème|graphique))|aucune description de (?:la )?photo|puede ser (?:una imagen|un meme)|no hay (?:ninguna )?descripci[óo]n de la foto|pode ser (?:uma imagem|um meme)|nenhuma descrição (?:de|da) foto|potrebbe essere un(?:'|’|a )?\s?immagine|nessuna descrizione della foto|kan een afbeelding zijn|geen fotobeschrijving|może być (?:zdjęciem|zdjęcie|obraz|memem)|brak dostępnego opisu|возможно, это изображение|нет описания фото|fotoğraf açıklaması yok|kan vara en bild|ingen (?:foto|bild)beskrivning|kan være et billede)/iu;

/** What office programs write below a picture, at the end of any text. */
const machineMade =
  /(?:description automatically generated|automatisch generierte beschreibung|description générée automatiquement|descripción generada automáticamente|descrizione generata automaticamente|descrição gerada automaticamente|automatisch gegenereerde beschrijving)(?: with \p{L}+ confidence| mit \p{L}+ zuverlässigkeit)?\.?$/iu;

/** "Thumbnail 3 of 17", in galleries. */
const numbered =
  /^[\p{L} ]{0,30}\b(?:images?|thumbnails?|photos?|pictures?|slides?|items?|bild|foto|imagen|immagine)(?:\s+\p{L}+)?\s+\d+\s*(?:of|von|de|di|sur|\/)\s*\d+$/iu;

/** How a name of a file is written: words joined by underscores, or by hyphens with a number among them. */
const joined =
  /^(?:(?=[^_]*_|(?:[^-]*-){2}\S*\d|\S*\d{5})[\p{L}\p{N}_.()%@+~-]+|(?=.{12})\p{Ll}+(?:-[\p{Ll}\p{N}]+){2,})$/u;
const longHexadecimal = /^[0-9a-f]{8}(?:[- ]?[0-9a-f]{4}){2,}/i;

/** True for a text that describes nothing. `text` is clean. */
export function isWordless(text: string): boolean {
  if (text.length > 200) return false;
  return (
    !/\p{L}/u.test(text) ||
    (text.includes('.') && imageExtension.test(text)) ||
    unwritten.test(text) ||
    empty.test(text) ||
    machine.test(text) ||
    machineElsewhere.test(text) ||
    (/autom/i.test(text) && machineMade.test(text)) ||
    (/\d/.test(text) && numbered.test(text)) ||
    isCredit(text) ||
    isOfSoftware(text) ||
    (!text.includes(' ') && (text.includes('|') || joined.test(text))) ||
    longHexadecimal.test(text) ||
    isCameraName(text.replace(/\.\w{3,4}$/, ''))
  );
}

/** A text as it is kept: clean, without a credit; empty where nothing is left that describes. */
export function describingText(raw: string): string {
  const text = withoutCredit(cleanText(raw));
  return isWordless(text) ? '' : text;
}

/** UTF-16 units of the name of a file that are compared. */
const maxNameLength = 200;

/** Letters and digits. Shorter names are words, "wren" and "by-sa", but for small letters with a number: "temp2". */
const minNameLength = 6;
const minNumberedLength = 4;

/** A number of a camera or a shop, the size of a picture: "A9790", "DSC6101", "173430", "600x600". */
const fileToken = /(?:^|[\s_.-])(?:\d{5,}|\d{2,}x\d{2,}|\p{L}+\d{3,}\p{L}*)(?=$|[\s_.-])|^0\d+(?:\s+\S+){1,2}$/u;

/** True for a text that a content system made of the name of the file: "bgedemo", "Recovery pillow collection 600x600". */
export function isNameOfFile(text: string, url: string): boolean {
  if (text.length > maxNameLength || (/\s/.test(text) ? !fileToken.test(text) : /^\p{Lu}\p{L}*$/u.test(text)))
    return false;
  const said = lettersOf(text);
  return (
    said.length >= (/^[\p{Ll}_-]+\d+$/u.test(text) ? minNumberedLength : minNameLength) &&
    lettersOf(fileStem(url)).startsWith(said)
  );
}

const lettersOf = (text: string): string => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '');

function fileStem(url: string): string {
  const pathname = pathOf(url);
  const name = pathname.slice(pathname.lastIndexOf('/') + 1).slice(0, maxNameLength);
  try {
    return decodeURIComponent(name).replace(/\.\w{2,5}$/, '');
  } catch {
    return name;
  }
}
