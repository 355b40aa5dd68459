/** Work side by side with results in order. */

/**
 * The results of `work` for each item, in the order of the items, with up to `ahead` at work at once. Where the items end with
 * an error, it is thrown after the results of those before it.
 */
export async function* inOrder<Item, Result>(
  items: AsyncIterable<Item> | Iterable<Item>,
  work: (item: Item) => Promise<Result>,
  ahead: number,
): AsyncGenerator<Result> {
  const pending: Promise<Result>[] = [];
  let failure: { readonly error: unknown } | null = null;
  try {
    for await (const item of items) {
      const result = work(item);
      // It is awaited when its turn comes.
      result.catch(() => {});
      pending.push(result);
      if (pending.length >= ahead) yield await pending.shift()!;
    }
  } catch (error) {
    failure = { error };
  }
  for (const result of pending) yield await result;
  if (failure !== null) throw failure.error;
}
