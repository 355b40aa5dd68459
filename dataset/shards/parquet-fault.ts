/** Why a parquet file does not read, in words. */

/** The reader trips over damaged bytes where it does not expect them: what it says then is of no use to anybody. */
export function parquetFault(error: unknown): string {
  const isTrip = error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError;
  return isTrip || !(error instanceof Error) ? 'a damaged parquet file' : error.message;
}
