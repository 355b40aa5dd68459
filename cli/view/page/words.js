/** Numbers and names as people read them. */

export const number = (value) => value.toLocaleString('en');

export const percent = (share) => `${(100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;

/** A score or a threshold: three digits that count. */
export const score = (value) =>
  Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en') : String(rounded(value));

/** To three digits that count. */
export const rounded = (value) => Number(value.toPrecision(3));

export const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

const languages = new Intl.DisplayNames('en', { type: 'language', fallback: 'code' });

export const language = (code) => {
  try {
    return code === '' ? 'not known' : languages.of(code);
  } catch {
    return code;
  }
};

/** Bytes in megabytes. */
export const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
