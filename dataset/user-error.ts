/**
 * The operator's mistake, as opposed to the web's (a value in the ledger) or ours (a crash): an unknown key, a missing
 * folder, another vocabulary than the checkpoint's; or the machine's, such as a full disk. The command line prints its message
 * alone and exits with `exitCode`: 2 where another command is wanted, 1 where the same one will do.
 * What came from outside may stand in it: nothing in a message moves a terminal's cursor.
 */
import { printable, printableLines } from './escape.ts';

export class UserError extends Error {
  override readonly name = 'UserError';
  readonly exitCode: 1 | 2;

  constructor(message: string, { exitCode = 2, ...options }: ErrorOptions & { readonly exitCode?: 1 | 2 } = {}) {
    super(printableLines(cut(message, maxMessage)), options);
    this.exitCode = exitCode;
  }
}

/** The one form of such a message: "Expected X for NAME but received Y; do Z." */
export function expected(what: string, name: string, received: unknown, advice: string): UserError {
  const shown = typeof received === 'string' && received.trim() !== '' ? received : JSON.stringify(received);
  return new UserError(
    `Expected ${brief(what)} for ${brief(name)} but received ${brief(String(shown))}; ${brief(advice)}.`,
  );
}

/** More of what was received helps nobody. */
const maxShown = 500;

/** A message that quotes a file which somebody took for another is one all the same. */
const maxMessage = 10_000;

const cut = (text: string, length: number): string => (text.length > length ? `${text.slice(0, length)}…` : text);
const brief = (text: string): string => printable(cut(text, maxShown));
