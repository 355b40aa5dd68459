/** How a vocabulary is learned where nothing else is said. Apart, since reading it must not load a tokenizer. */
export const vocabularyDefaults = { size: 8000, minCount: 2, maxCharacters: 1000 } as const;
