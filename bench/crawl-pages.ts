/** The pages of a generated site: navigation, an article with six figures, links, a footer. */

const words =
  'the quiet harbour of a northern town where boats return with fish and people meet to trade stories about weather work and family while children play between ropes nets and old wooden crates that smell of salt'.split(
    ' ',
  );

/** The HTML of as many pages, the same ones each time; page n is `/pN.html` and has the pictures `/iN-0.jpg` to `/iN-5.jpg`. */
export function sitePages(pages: number): string[] {
  let random = 1;
  const next = (below: number): number => {
    random = (random * 1103515245 + 12345) % 2147483648;
    return random % below;
  };
  const sentence = (length: number): string => Array.from({ length }, () => words[next(words.length)]).join(' ');

  return Array.from({ length: pages }, (_, n) => {
    const nav = Array.from({ length: 20 }, (_, i) => `<li><a href="/p${i}.html">Section ${i}</a></li>`).join('');
    const links = Array.from({ length: 15 }, () => `<a href="/p${next(pages)}.html">${sentence(4)}</a>`).join(' ');
    const figures = Array.from(
      { length: 6 },
      (
        _,
        i,
      ) => `<h2>${sentence(5)}</h2><p>${sentence(80)}</p><figure><img src="/i${n}-${i}.jpg" alt="${sentence(9)}" width="640" height="480">
      <figcaption>${sentence(14)}</figcaption></figure><p>${sentence(120)} <a href="/p${(n + 1) % pages}.html">${sentence(3)}</a></p>`,
    ).join('\n');
    return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${sentence(6)}</title></head><body>
    <header><a href="/p0.html"><img src="/logo.png" alt="Home" width="48" height="48"></a><nav><ul>${nav}</ul></nav></header>
    <main><article><h1>${sentence(6)}</h1>${figures}</article></main><aside class="sidebar">${links}</aside>
    <footer><img src="/avatar.png" alt="Profile photo"><p>${sentence(12)}</p></footer></body></html>`;
  });
}
