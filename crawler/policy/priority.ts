/** In which order the URLs of a host are fetched: the highest priority first, and of equals the one that was found first. */

/** Images come first, so that a crawl yields samples from the start; then sitemaps; then pages, by how rich in images they look. */
export const priority = { image: 1000, sitemap: 900, sitemapEntry: 100, seed: 500, page: 0 } as const;
