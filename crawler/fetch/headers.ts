/** Values of response headers. */

/** A header's value, the first one when the server sent several. */
export const firstValue = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value[0] : value;
