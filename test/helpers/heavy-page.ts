/** A page of 100 kB whose texts weigh as much as a page's may: 4 million characters, one caption for each of its pictures. */
const figures = Array.from(
  { length: 100 },
  (_, figure) =>
    `<figure><figcaption>${`boat ${figure} `.repeat(700)}</figcaption>${Array.from({ length: 20 }, (_, n) => `<img src=/${figure}-${n}.jpg>`).join('')}</figure>`,
);
export const heavyPage = `<title>Boats</title><main>${figures.join('')}</main>`;
