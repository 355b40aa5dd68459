/**
 * What cameras, telephones and screen-shot tools call their files (DCF, JEITA CP-3461, and the makers' own habits), without an
 * ending: such a text says nothing of the picture.
 */
const cameraName =
  /^(?:img|imgp?|dsc[fn]?|pict|p(?=\d{6})|cimg|sam|gopr|dji|mvimg|pxl|whatsapp[\s_-]image|screen[\s_-]?shot|bildschirmfoto|untitled|unnamed|image|photo|picture)[\s_-]*\(?\d(?:[\d\s_.:()-]|at|am|pm|copy|edited)*$/i;

export const isCameraName = (text: string): boolean => cameraName.test(text);
