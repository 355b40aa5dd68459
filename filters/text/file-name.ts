/** Drops texts that are a file's name: a file extension at the end, a camera's numbering, words joined by underscores. */
import { drop, type Filter, keep } from '../filter.ts';

const extension = /\.(?:jpe?g|png|gif|webp|avif|svg|bmp|tiff?|heic|eps|psd|ai|raw|pdf)$/i;

/** What cameras, telephones and screen-shot tools call their files (DCF, JEITA CP-3461, and the makers' own habits). */
const camera =
  /^(?:img|imgp?|dsc[fn]?|dscn|dscf|pict|p|cimg|sam|gopr|dji|mvimg|pxl|whatsapp image|screen ?shot|screenshot|untitled|image|photo|picture)[\s_-]*\(?\d[\d\s_.:()-]*(?:at|am|pm|copy|edited|\d|[\s_.:()-])*$/i;

export const textFileName = (): Filter => ({
  name: 'text/file-name',
  settings: {},
  judge: ({ text }) => {
    if (extension.test(text)) return drop('file-extension');
    if (camera.test(text)) return drop('camera-number');
    return /^\S*_\S*$/.test(text) || /^\S+(?:-\S+){3,}$/.test(text) ? drop('joined-words') : keep;
  },
});
