/** A wait that something else can end early. */
export interface Alarm {
  /** Resolves after `ms`, or at the next `ring` if that comes first. One wait at a time. */
  wait(ms: number): Promise<void>;
  /** Ends the wait in progress, if there is one. */
  ring(): void;
}

export function openAlarm(): Alarm {
  let end: (() => void) | undefined;
  return {
    wait: (ms) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => end?.(), Math.max(1, ms));
        end = () => {
          clearTimeout(timer);
          end = undefined;
          resolve();
        };
      }),
    ring: () => end?.(),
  };
}
