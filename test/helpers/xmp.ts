/** Pictures with an XMP packet, put where the format's specification puts it. */
import { crc32 } from 'node:zlib';
import { picture } from './picture.ts';

export const plusNamespace = 'http://ns.useplus.org/ldf/xmp/1.0/';

/** A packet with these elements in an `rdf:Description` with these attributes. */
export const packet = (attributes: string, elements = ''): string =>
  `<?xpacket begin="\uFEFF" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" ${attributes}>${elements}
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>`;

/** A JPEG with the packet in an APP1 segment. */
export async function jpegWithXmp(seed: number, xmp: string | Buffer): Promise<Buffer> {
  const jpeg = await picture(seed);
  const content = Buffer.concat([Buffer.from('http://ns.adobe.com/xap/1.0/\0', 'latin1'), Buffer.from(xmp)]);
  const head = Buffer.from([0xff, 0xe1, 0, 0]);
  head.writeUInt16BE(content.length + 2, 2);
  return Buffer.concat([jpeg.subarray(0, 2), head, content, jpeg.subarray(2)]);
}

/** A PNG with a chunk of this type and content before its image data. */
export async function pngWithChunk(seed: number, type: string, content: Buffer): Promise<Buffer> {
  const png = await picture(seed, { format: 'png' });
  const body = Buffer.concat([Buffer.from(type, 'latin1'), content]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([png.subarray(0, 33), length, body, checksum, png.subarray(33)]);
}
