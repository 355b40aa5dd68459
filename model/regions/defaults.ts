/** How regions are detected where nothing else is said; `lait.yaml` and the flags have their defaults from here. */
export const detectorDefaults = { features: 'joined', inputSidePx: 512, topK: 36 } as const;
