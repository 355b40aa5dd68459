/**
 * The time by which a crawl decides when something may be asked for. The system's clock may be put back (NTP, a person, a
 * virtual machine that was restored), and then every pause that was noted before would be longer by as much. This one never
 * goes back: it is the monotonic clock, and goes along where the system's is put forward, and where a machine has slept (the monotonic
 * one stands still then). A clock that was put back between two runs is noticed when the frontier is opened.
 */

/** The two clocks may step apart by so much before one of them was set, or the machine slept: one of them has whole milliseconds, and both are slewed. */
const toleranceMs = 50;

/** Between two looks at the monotonic clock the other one is looked at; a process that was held up there looks again, so often. */
const maxLooks = 5;

/** Returns a clock in ms since 1970 that never goes back. */
export function openClock(wallMs: () => number, monotonicMs: () => number): () => number {
  const look = (): { wall: number; monotonic: number } => {
    for (let looks = 1; ; looks++) {
      const before = monotonicMs();
      const wall = wallMs();
      const monotonic = monotonicMs();
      if (monotonic - before < 1 || looks === maxLooks) return { wall, monotonic };
    }
  };
  const first = look();
  // How far the system's clock was ahead of the monotonic one, and by how much this clock is since.
  let aheadMs = first.wall - first.monotonic;
  let offsetMs = aheadMs;
  return () => {
    const { wall, monotonic } = look();
    // Not the larger of two steps: rounding would be counted at each call, and a clock that is asked often would run at twice the speed.
    const step = wall - monotonic - aheadMs;
    if (Math.abs(step) > toleranceMs) {
      aheadMs += step;
      offsetMs += Math.max(0, step);
    }
    return Math.round(monotonic + offsetMs);
  };
}

/** Now, in ms since 1970; the same clock for all of this process. */
export const steadyNow = openClock(
  () => Date.now(),
  () => performance.now(),
);
