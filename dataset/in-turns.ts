/** Long work on this thread in turns, so that signals are heard between them. */
import { setImmediate } from 'node:timers/promises';

/** Ours: for longer no signal goes unheard. */
const maxTurnMs = 100;

/**
 * Shows each item, and after every turn lets signals be heard; throws the signal's reason where it says so, and has closed the items'
 * iterator then.
 */
export async function eachInTurns<Item>(
  items: Iterable<Item>,
  show: (item: Item) => void,
  signal?: AbortSignal,
): Promise<void> {
  signal?.throwIfAborted();
  let endsAtMs = performance.now() + maxTurnMs;
  for (const item of items) {
    show(item);
    if (performance.now() < endsAtMs) continue;
    await setImmediate();
    signal?.throwIfAborted();
    endsAtMs = performance.now() + maxTurnMs;
  }
}
