/**
 * Texts that stand where a description would and describe nothing: names of files, the word "Image", what a template left
 * behind, credits, requests to click, sentences of machines. They are no texts of a picture, whatever a filter would say later.
 */

/** Alone, or with a number before it: "A scan of boat.jpg" is a sentence. */
const imageExtension = /(?:^\S+|\d\S*)\.(?:jpe?g|png|gif|webp|avif|svg|bmp|tiff?|heic|jfif|ashx|aspx)$/i;

/** What scripts and templates leave behind where there was nothing to write. */
const unwritten = /^(?:undefined|null|none|false|true|nan|n\/?a|\[object .*)$|[#$]\{[^}]*\}|\{\{|\}\}|<%|%[({]/i;

/** Words of which each alone says only that there is a picture, in the languages of large sites. */
const empty =
  /^(?:the |an? |article |blog |post |main |featured? |hero |lead |cover |header |background |stock |product |default |single |related )*(?:image|img|picture|pic|photo|foto|bild|imagen|immagine|imagem|afbeelding|obraz|kuva|slide|slider|thumbnail|thumb|banner|placeholder|cover|teaser|hero|default|untitled|blank|empty|spacer|loading|blog|alt|alt text|title|caption|unnamed|avatar)(?: (?:image|img|picture|photo|text))?(?: ?[#(]?\d{0,4}\)?)?[.…]*$/i;

/** The sentences with which services fill a missing description, and those that speak of the description itself. */
const machine =
  /^(?:may be (?:an?|a (?:graphic|meme|doodle|selfie|close-?up|cartoon|black-and-white))\b.*\b(?:image|photo|graphic|illustration|text|person|people)|image may contain|(?:no|this image has an empty|missing) (?:photo|image|picture|alt|description)|no (?:alternative text|alt text|description|caption) |the image is not available|click (?:on|to|here)|klicken|cliquez|tap to |(?:view|see|open|show|enlarge|zoom)(?: the| this| full)?(?: size)?(?: image| picture| photo| gallery| larger)|(?:image|picture|photo)? ?(?:enlarge|zoom|vergr[öo][sß]+er[nt]|agrandir|ampliar|ingrandisci)|karte vergr|bild (?:vergr|öffnen)|(?:lazy ?)?load(?:ing)?(?: image| please wait)?[\s.…]*$|advert(?:isement)?$|anzeige$|sponsored$)/i;

/** Who made a picture, with no word on what it shows. */
const credit =
  /^(?:(?:©|\(c\)|copyright\b|foto(?:s|graf(?:ie|in)?)?\s*(?:by|von|:|credit)|bild(?:er|quelle|nachweis)?\s*:|quelle\s*:|photos?(?:graph)?\s*(?:by|credit|courtesy|:)|image(?:s)?\s*(?:by|credit|courtesy|source|:)|picture\s*(?:by|credit|:)|credits?\s*:|source\s*:|courtesy of|getty images|shutterstock|istock|unsplash|reuters|afp\b|dpa\b|ap photo)\S*[\s:]*(?:[^.!?]{0,60}))$/i;

/** How a name of a file is written: words joined by underscores, or by hyphens with a number among them. */
const joined = /^(?=[^_]*_|(?:[^-]*-){2}\S*\d|\S*\d{5})[\p{L}\p{N}_.()%@+~-]+$/u;
const longHexadecimal = /^[0-9a-f]{8}(?:-?[0-9a-f]{4}){2,}/i;
const camera =
  /^(?:img|imgp?|dsc[fn]?|dscn|dscf|pict|cimg|sam|gopr|dji|mvimg|pxl|whatsapp[\s_-]image|screen[\s_-]?shot|bildschirmfoto|untitled|unnamed|image|photo|picture)[\s_-]*\(?\d(?:[\d\s_.:()-]|at|am|pm|copy|edited)*$/i;

/** True for a text that describes nothing. `text` is clean. */
export function isWordless(text: string): boolean {
  if (text.length > 200) return false;
  return (
    !/\p{L}/u.test(text) ||
    imageExtension.test(text) ||
    unwritten.test(text) ||
    empty.test(text) ||
    machine.test(text) ||
    credit.test(text) ||
    joined.test(text) ||
    longHexadecimal.test(text) ||
    camera.test(text.replace(/\.\w{3,4}$/, ''))
  );
}
