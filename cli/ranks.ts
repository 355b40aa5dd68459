/** Which of several processes this one is: by its flags, or by the variables that torchrun and its likes set. */
import { expected, UserError } from '../dataset/user-error.ts';
import type { Address } from '../model/train/rendezvous.ts';

export interface RankFlags {
  readonly rank?: number | undefined;
  readonly ranks?: number | undefined;
  readonly coordinator?: string | undefined;
}

export interface Place {
  readonly rank: number;
  readonly count: number;
  readonly coordinator: Address;
}

/** undefined for a process alone. Throws a UserError for a part of what is needed, and for what is no number or address. */
export function placeOf({ rank, ranks, coordinator }: RankFlags, environment: NodeJS.ProcessEnv): Place | undefined {
  const given = [rank, ranks, coordinator].filter((one) => one !== undefined).length;
  if (given === 0) return launched(environment);
  if (rank === undefined || ranks === undefined || coordinator === undefined)
    throw new UserError(
      'Expected --rank, --ranks and --coordinator together but received some of them; give all three, or none.',
    );
  if (rank >= ranks) throw expected(`a number below --ranks ${ranks}`, '--rank', rank, 'ranks are counted from 0');
  return { rank, count: ranks, coordinator: addressOf(coordinator, '--coordinator') };
}

/** By torchrun's variables, where they are there. */
function launched(environment: NodeJS.ProcessEnv): Place | undefined {
  const { RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT, TORCHELASTIC_USE_AGENT_STORE: agent } = environment;
  if (RANK === undefined || WORLD_SIZE === undefined || MASTER_ADDR === undefined || MASTER_PORT === undefined)
    return undefined;
  const [rank, count] = [numberOf(RANK, 'RANK'), numberOf(WORLD_SIZE, 'WORLD_SIZE')];
  if (count < 1 || rank >= count) throw expected(`a number below WORLD_SIZE ${count}`, 'RANK', RANK, 'correct it');
  const { host, port } = addressOf(`${MASTER_ADDR.includes(':') ? `[${MASTER_ADDR}]` : MASTER_ADDR}:${MASTER_PORT}`, 'MASTER_ADDR and MASTER_PORT'); // biome-ignore format: one line
  // torchrun itself listens at its port then.
  return { rank, count, coordinator: { host, port: agent === 'True' ? port + 1 : port } };
}

function numberOf(text: string, name: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw expected('a whole number', name, text, 'correct it');
}

function addressOf(text: string, name: string): Address {
  const parts = /^(?:\[([\da-f:.]+)\]|([\w.-]+)):(\d{1,5})$/i.exec(text);
  const port = Number(parts?.[3]);
  if (!parts || port < 1 || port > 65_535)
    throw expected('HOST:PORT', name, text, 'name an address of the machine of rank 0 that the others reach');
  return { host: (parts[1] ?? parts[2])!, port };
}

/** The GPU that torchrun means a process to have, where nobody has said anything else. To be called before TensorFlow is loaded. */
export function takeOwnGpu(environment: NodeJS.ProcessEnv): void {
  const { RANK, LOCAL_RANK } = environment;
  if (RANK !== undefined && LOCAL_RANK !== undefined) environment.CUDA_VISIBLE_DEVICES ??= LOCAL_RANK;
}
