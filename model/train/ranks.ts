/** The processes of a run, as training sees them: met, each with TensorFlow's server started, and with something to say to each other. */
import { UserError } from '../../dataset/user-error.ts';
import { type Peers, peersOf } from '../runtime/peers.ts';
import { requireLibrary, startServer } from '../runtime/session.ts';
import type { Cluster } from '../runtime/traced-function.ts';
import { type Meeting, meet } from './meeting.ts';
import type { MeetingOptions } from './rendezvous.ts';

export interface Ranks extends Pick<Meeting, 'rank' | 'count' | 'sum' | 'fromFirst' | 'leave'> {
  readonly peers: Peers;
  readonly cluster: Cluster;
  /** What a step gives; or, as soon as another process has ended, a UserError that says so. */
  during<T>(step: Promise<T>): Promise<T>;
}

/** A failed sum may be heard of before the end of the process that was to take part. */
const patienceMs = 10_000;

/**
 * Meets the others and starts TensorFlow's server, which stays until the process ends. `cpuDevices` are those of this process. Throws a UserError
 * where what sessions need is missing, as `meet` does, and where the server does not start, of which the others hear.
 */
export async function openRanks(options: MeetingOptions & { readonly cpuDevices?: number }): Promise<Ranks> {
  const { cpuDevices, ...meeting } = options;
  requireLibrary();
  const met = await meet(meeting);
  const { rank, count, addresses } = met;
  const config = { task: rank, ...(cpuDevices !== undefined && { cpuDevices }) };
  let target: string;
  try {
    target = startServer(addresses, config);
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    const error = new UserError(
      `Expected TensorFlow's server to start at ${addresses[rank]} but received: ${said}; start all ranks again.`,
      { exitCode: 1, cause },
    );
    await met.leave(error);
    throw error;
  }
  return {
    rank,
    count,
    peers: peersOf(rank, count),
    cluster: { task: rank, target },
    sum: (value) => met.sum(value),
    fromFirst: (own) => met.fromFirst(own),
    leave: (error) => met.leave(error),
    async during(step) {
      try {
        return await Promise.race([step, met.lost]);
      } catch (error) {
        if (error instanceof UserError) throw error;
        let timer: NodeJS.Timeout | undefined;
        const waited = new Promise((resolve) => {
          timer = setTimeout(resolve, patienceMs);
        });
        await Promise.race([met.lost, waited]).finally(() => clearTimeout(timer));
        throw error;
      }
    },
  };
}
