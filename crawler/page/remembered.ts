/** What was read of a short text, remembered from page to page: the pages of a site share their classes. */

/** Limits of what is remembered; they bound the memory that hostile pages can fill. */
export interface RememberedLimits {
  /** When there are more, all are forgotten. */
  readonly maxTexts: number;
  /** UTF-16 units. Longer texts seldom come twice; they are read each time. */
  readonly maxLength: number;
}

/** V8 keeps a page for a part of it from this length on. Shorter parts are copies. */
const minSharedLength = 13;

/** The same function with a memory. */
export function remembered<Value extends object>(
  read: (text: string) => Value,
  { maxTexts, maxLength }: RememberedLimits,
): (text: string) => Value {
  const known = new Map<string, Value>();
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    const value = read(text);
    if (text.length > maxLength) return value;
    if (known.size >= maxTexts) known.clear();
    known.set(text.length < minSharedLength ? text : Buffer.from(text).toString(), value);
    return value;
  };
}
