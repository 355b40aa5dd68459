/**
 * Errors on their way between threads or processes. A message keeps of an error its words; by what decides how it is told (whose mistake it is, the
 * system's code, the path) it would be taken for a fault of ours.
 */
import { UserError } from './user-error.ts';

/** An error as plain data. */
export interface SentError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  readonly exitCode?: 1 | 2;
  readonly code?: string;
  readonly path?: string;
  readonly dest?: string;
  readonly cause?: SentError;
}

/** What is sent of anything that was thrown. */
export function sentError(error: unknown): SentError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const { name, message, stack, cause } = error;
  const { code, path, dest } = error as { code?: unknown; path?: unknown; dest?: unknown };
  const texts = Object.entries({ stack, code, path, dest }).filter(([, value]) => typeof value === 'string');
  return {
    ...{ name, message, ...Object.fromEntries(texts) },
    ...(error instanceof UserError && { exitCode: error.exitCode }),
    ...(cause instanceof Error && { cause: sentError(cause) }),
  };
}

/** The error again, for `faultOf` and for `instanceof UserError`. */
export function receivedError({ name, message, exitCode = 2, cause: sent, ...more }: SentError): Error {
  const options = sent === undefined ? {} : { cause: receivedError(sent) };
  if (name === 'UserError') return new UserError(message, { exitCode, ...options });
  return Object.assign(new Error(message, options), more);
}
