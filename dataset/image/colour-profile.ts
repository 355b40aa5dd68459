/** The name of a colour profile (ICC.1:2022, §7 and §9.2.41): where it begins with sRGB, colours are what they are without a profile. */

/** Profiles have some 17 tags. */
const maxTags = 100;

/** The description in a profile's first language; empty where it has none. */
export function profileName(icc: Buffer): string {
  if (icc.length < 132) return '';
  const tags = Math.min(icc.readUInt32BE(128), maxTags);
  for (let at = 132; at < 132 + 12 * tags && at + 12 <= icc.length; at += 12) {
    if (icc.toString('latin1', at, at + 4) !== 'desc') continue;
    const start = icc.readUInt32BE(at + 4);
    return nameIn(icc.subarray(start, start + icc.readUInt32BE(at + 8)));
  }
  return '';
}

/** Version 2 has a length and ASCII, version 4 a table of languages and UTF-16. */
function nameIn(tag: Buffer): string {
  const type = tag.toString('latin1', 0, 4);
  if (type === 'desc' && tag.length >= 12) {
    return tag.toString('latin1', 12, 12 + tag.readUInt32BE(8)).replace(/\0.*/s, '');
  }
  if (type !== 'mluc' || tag.length < 28 || tag.readUInt32BE(8) === 0) return '';
  const start = tag.readUInt32BE(24);
  const text = Buffer.from(tag.subarray(start, start + Math.floor(tag.readUInt32BE(20) / 2) * 2));
  return text.length % 2 === 0 ? text.swap16().toString('utf16le') : '';
}
