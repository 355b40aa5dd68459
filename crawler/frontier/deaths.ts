/**
 * URLs that end the process: a picture that makes a decoder fail in native code, a page for which the system ends who takes too much
 * memory. A process that dies leaves its leases open, and one of them may be why. Which one, nobody is left to tell, so each is
 * counted; what was under way at several deaths is asked alone, and a death then has one cause. All limits are ours.
 */

/** From so many deaths on a URL is asked alone: one kill or loss of power makes no suspects. */
export const aloneAfterDeaths = 2;

/** After so many it is given up: three of them while nothing else was under way. */
export const givenUpAfterDeaths = 5;
