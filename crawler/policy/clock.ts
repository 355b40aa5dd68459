/**
 * The time by which a crawl decides when something may be asked for. The system's clock may be put back (NTP, a person, a
 * virtual machine that was restored), and then every pause that was noted before would be longer by as much. This one never
 * goes back: it takes the larger of the steps of the system's clock and of the monotonic one, which stands still while a
 * machine sleeps. A clock that was put back between two runs is noticed when the frontier is opened.
 */

/** Returns a clock in ms since 1970 that never goes back. */
export function openClock(wallMs: () => number, monotonicMs: () => number): () => number {
  let lastWallMs = wallMs();
  let lastMonotonicMs = monotonicMs();
  let nowMs = lastWallMs;
  return () => {
    const wall = wallMs();
    const monotonic = monotonicMs();
    nowMs += Math.max(wall - lastWallMs, monotonic - lastMonotonicMs);
    lastWallMs = wall;
    lastMonotonicMs = monotonic;
    return Math.round(nowMs);
  };
}

/** Now, in ms since 1970; the same clock for all of this process. */
export const steadyNow = openClock(
  () => Date.now(),
  () => performance.now(),
);
