/**
 * What an XMP packet says about mining: `plus:DataMining`, which IPTC Photo Metadata took over in 2023.1 (its extension namespace
 * is read as well, for tools that mistook it), and TDMRep's `tdm:reservation`. A packet is hostile: it is read token by token
 * up to a limit, without a document type, so that no entity is expanded but XML's own five. It need not be well-formed.
 */
import { Parser } from 'htmlparser2';

export interface XmpRights {
  /** As written: a term of PLUS' vocabulary by its address, or what a tool wrote instead. */
  readonly dataMining: readonly string[];
  /** Of TDMRep: `0` or `1`. */
  readonly reservation: readonly string[];
}

/** Ours: packets with long edit histories have a few MB. What is beyond the limits is not read. */
const maxPacketBytes = 4_000_000;
const maxElements = 100_000;

/** Ours: what tools write nests a dozen elements deep, with a few dozen attributes. */
const maxDepth = 500;
const maxAttributes = 2000;

/** Of each property: a packet has one, and one for each region or ingredient. */
const maxValues = 20;
const maxValueLength = 500;

/** Properties by namespace and name. */
const properties: Readonly<Record<string, keyof XmpRights>> = {
  'http://ns.useplus.org/ldf/xmp/1.0/ DataMining': 'dataMining',
  'http://iptc.org/std/Iptc4xmpExt/2008-02-29/ DataMining': 'dataMining',
  'http://www.w3.org/ns/tdmrep/ reservation': 'reservation',
};

/** Reads the packet, in UTF-8 or UTF-16, wherever in the bytes it begins. */
export function readXmpRights(packet: Buffer): XmpRights {
  const found: Record<keyof XmpRights, string[]> = { dataMining: [], reservation: [] };
  if (!mayTell(packet)) return found;
  /** The addresses that a prefix stood for, the innermost last; and the prefixes that each open element bound. */
  const namespaces = new Map<string, string[]>();
  const bound: string[][] = [];
  let reading: { readonly property: keyof XmpRights; readonly depth: number } | null = null;

  const propertyOf = (qualified: string): keyof XmpRights | null => {
    const colon = qualified.indexOf(':');
    const name = qualified.slice(colon + 1);
    if (name !== 'DataMining' && name !== 'reservation') return null;
    const namespace = namespaces.get(qualified.slice(0, Math.max(colon, 0)))?.at(-1);
    return properties[`${namespace?.trim()} ${name}`] ?? null;
  };
  const add = (property: keyof XmpRights, written: string): void => {
    const value = written.trim().slice(0, maxValueLength);
    if (value !== '' && found[property].length < maxValues) found[property].push(value);
  };

  let elements = 0;
  let attributes = 0;
  const parser = new Parser(
    {
      onattribute() {
        attributes += 1;
        if (attributes > maxAttributes) parser.pause();
      },
      onopentag(qualified, attribs) {
        attributes = 0;
        elements += 1;
        const prefixes: string[] = [];
        for (const name in attribs) {
          if (name !== 'xmlns' && !name.startsWith('xmlns:')) continue;
          const prefix = name.slice(6);
          prefixes.push(prefix);
          const known = namespaces.get(prefix);
          if (known) known.push(attribs[name]!);
          else namespaces.set(prefix, [attribs[name]!]);
        }
        bound.push(prefixes);
        for (const name in attribs) {
          const property = propertyOf(name);
          if (property !== null) add(property, attribs[name]!);
          // `rdf:resource` of the element itself, `rdf:value` and the like of what is inside.
          else if (reading !== null && isValue(name)) add(reading.property, attribs[name]!);
        }
        const property = propertyOf(qualified);
        if (property !== null) {
          for (const name in attribs) if (isValue(name)) add(property, attribs[name]!);
          reading ??= { property, depth: bound.length };
        }
        if (bound.length > maxDepth || elements > maxElements) parser.pause();
      },
      ontext(data) {
        if (reading !== null) add(reading.property, data);
      },
      onclosetag() {
        if (reading?.depth === bound.length) reading = null;
        for (const prefix of bound.pop() ?? []) namespaces.get(prefix)?.pop();
      },
    },
    { xmlMode: true, decodeEntities: true },
  );
  parser.write(textOf(packet.subarray(0, maxPacketBytes)));
  return found;
}

/** `rdf:resource`, `rdf:value` and fields, but not what RDF and XML say of the element. */
const isValue = (name: string): boolean => !/^xml|:(?:parseType|about|ID|nodeID)$/.test(name);

/** Bytes that a packet with a signal has, in UTF-8 and both kinds of UTF-16 (whose bytes are alike but for the first zero). */
const tellingBytes = ['DataMining', 'ns/tdmrep'].flatMap((word) => [
  Buffer.from(word),
  Buffer.from(word, 'utf16le').subarray(0, -1),
]);

/** A cheap look: most pictures have a packet, hardly any says something about mining. */
const mayTell = (packet: Buffer): boolean => tellingBytes.some((bytes) => packet.includes(bytes));

function textOf(packet: Buffer): string {
  // The header of a packet is ASCII in any encoding: `<` and a zero, or a zero and `<`.
  if (tellingBytes.some((bytes) => bytes[1] === 0 && packet.includes(bytes))) {
    const little = packet.indexOf(Buffer.from('<\0'));
    const big = packet.indexOf(Buffer.from('\0<'));
    const isBig = big !== -1 && big < little;
    const even = Buffer.from(packet.subarray(isBig ? big : little));
    const whole = even.subarray(0, even.length - (even.length % 2));
    return (isBig ? whole.swap16() : whole).toString('utf16le');
  }
  return packet.toString('utf8');
}

/**
 * Whether a value reserves training. Every term that prohibits does: `DMI-PROHIBITED`, `-AIMLTRAINING` and `-GENAIMLTRAINING` name
 * training, `-EXCEPTSEARCHENGINEINDEXING` allows search only, and `-SEECONSTRAINT` and `-SEEEMBEDDEDRIGHTSEXPR` prohibit where
 * their conditions, which nobody here reads, are not met (PLUS LDF 2.0.1, IPTC Photo Metadata 2023.1). `DMI-ALLOWED` and
 * `DMI-UNSPECIFIED` do not. Labels instead of addresses count too ("Prohibited for AI/ML training"), and terms to come.
 */
export const prohibitsMining = (value: string): boolean => /^(?:\S*\/)?(?:DMI-)?PROHIBITED/i.test(value);
