/** What was written already in this run, so that it is not written again; the last of so much. */
const maxRemembered = 100_000;

export function rememberIn(set: Set<string>, key: string): void {
  if (set.size >= maxRemembered) set.clear();
  set.add(key);
}
