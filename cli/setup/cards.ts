/** The NVIDIA cards of this machine, and what they can do at most by their data sheets. */
import { findOnPath, run } from './run.ts';

export interface Card {
  readonly name: string;
  readonly driver: string;
  readonly memoryBytes: number;
  readonly usedBytes: number;
  /** Major and minor, as in 9.0. */
  readonly computeCapability: string;
}

const fields = ['name', 'driver_version', 'memory.total', 'memory.used', 'compute_cap'];

/** Those that CUDA may use, in its order; none where nvidia-smi is missing or fails. */
export async function findCards(visible: string | undefined = process.env.CUDA_VISIBLE_DEVICES): Promise<Card[]> {
  const nvidiaSmi = findOnPath('nvidia-smi');
  if (!nvidiaSmi) return [];
  const query = [...idsOf(visible), `--query-gpu=${fields.join()}`, '--format=csv,noheader,nounits'];
  return run(nvidiaSmi, query).then(readCards, () => []);
}

/** nvidia-smi knows nothing of CUDA_VISIBLE_DEVICES, and asks for numbers and UUIDs in the same form. */
export const idsOf = (visible: string | undefined): string[] =>
  visible && /^[\w-]+(?:,[\w-]+)*$/.test(visible) ? [`--id=${visible}`] : [];

/** Reads what `nvidia-smi --query-gpu` writes, MiB for memory. */
export function readCards(csv: string): Card[] {
  return csv
    .split('\n')
    .map((line) => line.split(',').map((cell) => cell.trim()))
    .filter((cells) => cells.length === fields.length)
    .map(([name = '', driver = '', total, used, computeCapability = '']) => ({
      ...{ name, driver, computeCapability },
      memoryBytes: Number(total) * 2 ** 20,
      usedBytes: Number(used) * 2 ** 20,
    }));
}

/** How products are computed: as `--precision` and `--tf32` say. */
export type Products = 'f32' | 'tf32' | 'bf16';

/** TFLOP/s by NVIDIA's data sheets, dense. The first name that a card's begins with, without "NVIDIA". */
const peaks: readonly [name: string, tera: Readonly<Record<Products, number>>][] = [
  ['B200', { f32: 75, tf32: 1100, bf16: 2250 }],
  ['H200', { f32: 67, tf32: 494, bf16: 989 }],
  ['H100 PCIe', { f32: 51, tf32: 378, bf16: 756 }],
  ['H100 NVL', { f32: 60, tf32: 417, bf16: 835 }],
  ['H100', { f32: 67, tf32: 494, bf16: 989 }],
  ['A100', { f32: 19.5, tf32: 156, bf16: 312 }],
  ['A10G', { f32: 31.2, tf32: 35, bf16: 70 }],
  ['A10', { f32: 31.2, tf32: 62.5, bf16: 125 }],
  ['L40S', { f32: 91.6, tf32: 183, bf16: 362 }],
  ['L4', { f32: 30.3, tf32: 60, bf16: 121 }],
  ['GeForce RTX 4090', { f32: 82.6, tf32: 82.6, bf16: 165 }],
  ['GeForce RTX 3090', { f32: 35.6, tf32: 35.6, bf16: 71 }],
];

/** Operations a second; undefined for a card that is not listed. */
export function peakOf(card: string, products: Products): number | undefined {
  const name = card.replace(/^NVIDIA /, '');
  const found = peaks.find(([known]) => name === known || name.startsWith(`${known} `) || name.startsWith(`${known}-`));
  return found && 1e12 * found[1][products];
}
