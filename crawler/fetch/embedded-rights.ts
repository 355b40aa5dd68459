/** What a picture says in itself: opt-outs in its XMP and its C2PA manifests, which can be read only once its bytes are there. */

import { sniffFormat } from '../../dataset/image/sniff.ts';
import { readTrainingMining, reservesTraining } from '../policy/c2pa-rights.ts';
import type { Reason } from '../policy/reasons.ts';
import type { Evidence } from '../policy/rights.ts';
import { prohibitsMining, readXmpRights } from '../policy/xmp-rights.ts';
import { embeddedBlocks } from './embedded-blocks.ts';

export interface EmbeddedRights {
  /** The reason of a refusal; null when nothing forbids. */
  readonly refused: Reason | null;
  readonly evidence: Evidence;
}

/** Ours, of all packets of a file; one with a long edit history has a few MB. */
const maxPacketBytes = 8_000_000;

/** Reads the signals of an image in a supported format; anything else says nothing. */
export async function embeddedRights(bytes: Buffer): Promise<EmbeddedRights> {
  const format = sniffFormat(bytes);
  if (format === null) return { refused: null, evidence: {} };
  const { xmp, jumbf } = await embeddedBlocks(bytes, format);
  let room = maxPacketBytes;
  const packets = xmp.map((packet) => {
    const read = packet.subarray(0, Math.max(room, 0));
    room -= packet.length;
    return readXmpRights(read);
  });
  const dataMining = [...new Set(packets.flatMap((packet) => packet.dataMining))];
  const reservation = [...new Set(packets.flatMap((packet) => packet.reservation))];
  const uses = jumbf.flatMap((store) => [...readTrainingMining(store)]);
  const reasons: Reason[] = [];
  if (dataMining.some(prohibitsMining)) reasons.push('rights-data-mining');
  if (reservation.includes('1')) reasons.push('rights-tdm-reservation');
  if (uses.some(([name, use]) => reservesTraining(name, use))) reasons.push('rights-training-mining');
  return {
    refused: reasons[0] ?? null,
    evidence: {
      ...(dataMining.length > 0 ? { 'plus:DataMining': dataMining.join('; ') } : {}),
      ...(reservation.length > 0 ? { 'xmp-tdm-reservation': reservation.join('; ') } : {}),
      ...(uses.length > 0 ? { 'training-mining': uses.map(([name, use]) => `${name}=${use}`).join('; ') } : {}),
    },
  };
}
