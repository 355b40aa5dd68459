/** A worker's place while it works: signs of life, the ends of others' leases, and a new number when its own has ended. */
import type { Defer } from '../../dataset/cleanup.ts';
import type { Attempts } from './attempts.ts';
import { beating } from './beating.ts';
import { beat, beatsPerLease, enter, type Lease, leave, type Rest, reap, type Told } from './lease.ts';
import { estimateQueued } from './overview.ts';
import type { Store } from './store.ts';

export interface Presence {
  /** The present one. */
  lease(): Lease;
  /** Enters anew after the lease has ended; false while the server is away. */
  renew(): Promise<boolean>;
  /** URLs that waited at the last sign of life, about. */
  queued(): number;
  /** Throws what went wrong since, but for a server that is away. */
  check(): void;
}

/** Enters, and leaves at the end. `rests` are those of requests that no batch has told of. */
export async function openPresence(
  store: Store,
  {
    corpusDir,
    told,
    leaseMs,
    rests,
  }: {
    readonly corpusDir: string;
    readonly told?: Told;
    readonly leaseMs: number;
    readonly rests: () => readonly Rest[];
  },
  attempts: Attempts,
  defer: Defer,
): Promise<Presence> {
  const entering = (): Promise<Lease> => enter(store, corpusDir, told);
  let lease = await entering();
  let queued = 0;
  defer(() => leave(store, lease, rests()));
  // One that waits for the hosts of others asks the server nothing else: here it notices that it is away for too long.
  const beatOnce = async (): Promise<void> => {
    await beat(store, lease);
    if (lease.isOver) return;
    await reap(store, leaseMs);
    queued = await estimateQueued(store);
  };
  const check = beating({ beat: beatOnce, everyMs: leaseMs / beatsPerLease }, attempts, defer);
  return {
    lease: () => lease,
    async renew() {
      const next = await attempts.tried(entering);
      if (next !== null) lease = next;
      return next !== null;
    },
    queued: () => queued,
    check,
  };
}
