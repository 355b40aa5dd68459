/**
 * The operator's mistake, as opposed to the web's (a value in the ledger) or ours (a crash): an unknown key, a missing
 * folder, another vocabulary than the checkpoint's. The command line prints its message alone and exits with 2.
 */
export class UserError extends Error {
  override readonly name = 'UserError';
}

/** The one form of such a message: "Expected X for NAME but received Y; do Z." */
export function expected(what: string, name: string, received: unknown, advice: string): UserError {
  const shown = typeof received === 'string' ? received : JSON.stringify(received);
  return new UserError(`Expected ${what} for ${name} but received ${shown}; ${advice}.`);
}
