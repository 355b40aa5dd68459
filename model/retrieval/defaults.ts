/** How retrieval is evaluated where nothing else is said; `lait.yaml` and the flags have their defaults from here. */
export const evaluateDefaults = {
  folds: 1,
  method: 'auto',
  candidates: 128, // ALBEF
  precision: 'f32',
  linearMap: 'words',
} as const;
