/**
 * What a person is told beside the result: lines on standard error. Where a progress bar stands on it, they go above the bar, which
 * would overwrite them otherwise.
 */

let aboveBar: ((text: string) => void) | undefined;

/** Prints a line, or several. */
export function tell(text: string): void {
  if (aboveBar) aboveBar(text);
  else process.stderr.write(`${text}\n`);
}

/** Of the bar that stands on standard error: prints above it, from now on until what is returned is called. */
export function tellAbove(print: (text: string) => void): () => void {
  aboveBar = print;
  return () => {
    if (aboveBar === print) aboveBar = undefined;
  };
}
