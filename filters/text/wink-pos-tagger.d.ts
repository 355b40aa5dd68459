declare module 'wink-pos-tagger' {
  /** Penn Treebank tags, one a token. */
  const tagger: () => { tagSentence: (text: string) => { value: string; tag: string; pos: string }[] };
  export = tagger;
}
