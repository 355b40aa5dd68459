/** Regular expressions that an operator wrote and the web's addresses are tried with. */
import { setFlagsFromString } from 'node:v8';

/**
 * Compiles them. `^https://a/(\w+/?)+\.html$` takes seconds for an address of 40 letters and for ever for one of 80: V8 has a second
 * engine, of linear time, that goes on where the first has gone back 50,000 times. It has neither groups that look around nor
 * references back; expressions with these stay as they are.
 */
export function expressions(patterns: readonly string[]): RegExp[] {
  setFlagsFromString('--enable-experimental-regexp_engine-on-excessive-backtracks');
  return patterns.map((pattern) => new RegExp(pattern));
}
