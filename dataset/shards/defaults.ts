/** How shards are written where nothing else is said: img2dataset's numbers. Apart, since reading them must not load sharp. */
export const encodeDefaults = {
  encode: 'auto',
  resize: 'no',
  sizePx: 256,
  onlyIfBigger: false,
  quality: 95,
  keepLocation: false,
} as const;

export const shardDefaults = { ...encodeDefaults, samplesPerShard: 10_000, shardDigits: 5 } as const;
