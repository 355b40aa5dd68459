/** A batch of outcomes as it is written: put together here, before the transaction. */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Claim } from '../frontier/claim.ts';
import type { FetchOutcome } from '../frontier/outcome.ts';
import { steadyNow } from '../policy/clock.ts';
import { aliasesOf, type PartPlace, type PreparedBatch, recordedOf } from './batch.ts';
import { changesOf, type HeldUrl, rowOf } from './held.ts';
import type { BatchToWrite } from './write.ts';

const compress = promisify(gzip);

/** `places` say where the pictures of the outcomes are, in their order. */
export async function batchToWrite(
  outcomes: readonly FetchOutcome[],
  {
    prepared,
    places,
    inFlight,
  }: {
    readonly prepared: PreparedBatch;
    readonly places: readonly (PartPlace | null)[];
    readonly inFlight: ReadonlyMap<Claim, HeldUrl>;
  },
): Promise<BatchToWrite> {
  const recorded = prepared.outcomes.map((one, n) => recordedOf(one, places[n]!)).filter((one) => one !== null);
  const now = steadyNow();
  return {
    ...prepared,
    record: await compress(JSON.stringify(recorded), { level: 3 }),
    finished: outcomes.filter(({ end }) => end === 'done').map(({ claim }) => rowOf(inFlight.get(claim)!)),
    aliases: outcomes.flatMap((one) => {
      const { kind, depth, priority } = one.claim;
      return aliasesOf(one).map((alias) => ({ ...alias, kind, depth, priority }));
    }),
    returned: outcomes
      .filter(({ end }) => end !== 'done')
      .map(({ claim, end, moved, putOffUntilMs }) => ({
        ...rowOf(inFlight.get(claim)!),
        movedTo: end === 'moved' && moved ? moved : null,
        isFailed: end === 'failed',
        putOffMs: putOffUntilMs === undefined ? null : putOffUntilMs - now,
      })),
    putOff: outcomes.flatMap(({ claim, putOffUntilMs }) =>
      putOffUntilMs === undefined
        ? []
        : [{ host: inFlight.get(claim)!.host.id, origin: new URL(claim.at).origin, ms: putOffUntilMs - now }],
    ),
    hosts: changesOf(outcomes, inFlight),
    rests: outcomes.flatMap(({ otherHosts = [] }) => otherHosts),
    newSeeds: outcomes.flatMap(({ newSeed }) => newSeed ?? []),
    pages: outcomes.filter(({ page }) => page?.status === 'fetched').length,
    images: outcomes.filter(({ image }) => image?.status === 'success').length,
    bytes: outcomes.reduce((sum, { byteLength = 0 }) => sum + byteLength, 0),
  };
}
