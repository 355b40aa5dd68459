/**
 * What a C2PA manifest store says about training: the assertion `c2pa.training-mining` of C2PA 1.x and its successor
 * `cawg.training-mining` (CAWG training and data mining 1.1), in every manifest of the store, those of ingredients too. Boxes are
 * JUMBF (ISO 19566-5), their content CBOR or JSON. No signature is checked: an opt-out is honoured whoever wrote it.
 */
import { brotliDecompressSync } from 'node:zlib';
import { decode } from 'cborg';

/** `use` by entry, such as `cawg.ai_training`; of several manifests the most restrictive. */
export type TrainingMining = ReadonlyMap<string, string>;

/** Boxes nest five deep: store, manifest, assertion store, assertion, content. */
const maxDepth = 12;

/** Ours: an assertion is a few lines, a compressed manifest some ten KB. */
const maxContentBytes = 100_000;
const maxInflatedBytes = 4_000_000;
const maxInflatedBoxes = 20;
const maxAssertions = 100;
const maxEntries = 50;
const maxWordLength = 100;

/** `__1` is the second assertion of its kind, `.v2` a version. */
const label = /^(?:c2pa|cawg)\.training-mining(?:\.v\d+)?(?:__\d+)?$/;

/** Reads a manifest store; what is broken is left out. */
export function readTrainingMining(jumbf: Buffer): TrainingMining {
  const uses = new Map<string, string>();
  let inflatedBoxes = 0;
  let assertions = 0;

  /** Reads boxes that lie one after the other; a description says what those after it are. */
  const readBoxes = (bytes: Buffer, depth: number): void => {
    let isWanted = false;
    for (let at = 0; at + 8 <= bytes.length; ) {
      const short = bytes.readUInt32BE(at);
      const header = short === 1 ? 16 : 8;
      if (at + header > bytes.length) return;
      const length = short === 1 ? Number(bytes.readBigUInt64BE(at + 8)) : short === 0 ? bytes.length - at : short;
      if (length < header) return;
      const type = bytes.toString('latin1', at + 4, at + 8);
      const content = bytes.subarray(at + header, at + length);
      at += length;
      if (type === 'jumd') isWanted = label.test(labelOf(content));
      else if (type === 'jumb' && depth < maxDepth) readBoxes(content, depth + 1);
      else if (type === 'brob' && depth < maxDepth && inflatedBoxes < maxInflatedBoxes) {
        inflatedBoxes += 1;
        // The C2PA SDK writes the compressed manifest; boxes of this type elsewhere (ISO 18181-2) begin with the type of what they hold.
        const inflated = unbrotli(content) ?? unbrotli(content.subarray(4));
        if (inflated !== null) readBoxes(inflated, depth + 1);
      } else if (isWanted && (type === 'cbor' || type === 'json') && content.length <= maxContentBytes) {
        assertions += 1;
        if (assertions > maxAssertions) return;
        readEntries(type === 'cbor' ? fromCbor(content) : fromJson(content), uses);
      }
    }
  };
  readBoxes(jumbf, 0);
  return uses;
}

/** A UUID, a byte of which a bit says that there is a label, and the label with a zero at its end. */
function labelOf(description: Buffer): string {
  if (((description[16] ?? 0) & 2) === 0) return '';
  const end = description.indexOf(0, 17);
  return description.toString('utf8', 17, end === -1 ? description.length : end);
}

function unbrotli(bytes: Buffer): Buffer | null {
  try {
    return brotliDecompressSync(bytes, { maxOutputLength: maxInflatedBytes });
  } catch {
    return null;
  }
}

/** Tags, such as those of dates, stand for what they tag. */
const anyTag = new Proxy({}, { get: () => (content: () => unknown) => content() });

function fromCbor(bytes: Buffer): unknown {
  try {
    return decode(bytes, { useMaps: true, tags: anyTag });
  } catch {
    return null;
  }
}

function fromJson(bytes: Buffer): unknown {
  try {
    return toMaps(JSON.parse(bytes.toString('utf8')));
  } catch {
    return null;
  }
}

/** Objects as maps, two deep: entries and what they say. */
function toMaps(value: unknown, depth = 2): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return new Map(Object.entries(value).map(([key, inner]) => [key, depth > 0 ? toMaps(inner, depth - 1) : inner]));
}

function readEntries(assertion: unknown, uses: Map<string, string>): void {
  if (!(assertion instanceof Map)) return;
  // Version 1.0 of the schema left `entries` out by mistake.
  const entries = assertion.get('entries') ?? assertion;
  if (!(entries instanceof Map)) return;
  for (const [name, entry] of entries) {
    const use = entry instanceof Map ? entry.get('use') : null;
    if (typeof name !== 'string' || typeof use !== 'string') continue;
    const known = uses.get(name);
    if (known !== undefined && (reservesTraining(name, known) || !reservesTraining(name, use))) continue;
    if (known !== undefined || uses.size < maxEntries)
      uses.set(name.slice(0, maxWordLength), use.slice(0, maxWordLength));
  }
}

/**
 * Whether an entry keeps a picture out. Without more information `constrained` is `notAllowed` (CAWG §3.1). Inference counts:
 * the filters run models over every picture. Entries of others' own words are kept, and do not count.
 */
export const reservesTraining = (name: string, use: string): boolean =>
  /^(?:c2pa|cawg)\.(?:data_mining|ai_training|ai_generative_training|ai_inference)$/.test(name) &&
  /^(?:not_?allowed|constrained)$/i.test(use);
