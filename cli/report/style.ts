/** The report's looks: readable on a telephone and in the dark. */
export const css = `
:root{color-scheme:light dark;--text:#1c1c1e;--soft:#5f5f64;--back:#fff;--line:#d8d8dc;--kept:#3b82c4;--dropped:#e0a458;--minus:#8f4a00}
@media(prefers-color-scheme:dark){:root{--text:#e8e8ea;--soft:#9a9aa2;--back:#161618;--line:#3a3a3e;--kept:#5b9bd5;--dropped:#b8813c;--minus:#e0a458}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:70rem;padding:1rem;font:16px/1.45 system-ui,sans-serif;color:var(--text);background:var(--back)}
h1{font-size:1.6rem}h2{margin-top:2.2rem;border-bottom:1px solid var(--line);font-size:1.25rem}h3{margin:1.6rem 0 .3rem;font-size:1.05rem}h4{margin:.8rem 0 .2rem;font-size:.95rem;color:var(--soft)}details{display:inline}details[open]{display:block}summary{display:inline;cursor:pointer;text-decoration:underline}
a{color:inherit}code{font-size:.85em;overflow-wrap:anywhere}.note,small{color:var(--soft)}.sum{font-size:1.1rem}.of{color:var(--soft);margin:-.6rem 0 1rem}
.bar{display:grid;grid-template-columns:13rem 1fr 9rem;gap:.6rem;align-items:center;margin:.15rem 0}
.label{overflow-wrap:anywhere}.track{display:flex;height:1rem;background:color-mix(in srgb,var(--line) 35%,transparent)}
.kept{background:var(--kept)}.dropped{background:var(--dropped)}.count{font-variant-numeric:tabular-nums;white-space:nowrap}.minus{color:var(--minus)}
.histogram{width:100%;max-width:40rem;display:block}.histogram rect{fill:var(--kept)}.histogram line{stroke:var(--dropped);stroke-width:2}.histogram text{fill:var(--soft);font-size:15px}.histogram .at{fill:var(--text)}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(10rem,1fr));gap:.8rem;margin:.8rem 0}
figure{margin:0;border:1px solid var(--line);border-radius:6px;padding:.5rem;min-width:0}
figure img{display:block;max-width:100%;height:7rem;margin:0 auto .4rem;object-fit:contain}.none{height:7rem;display:grid;place-items:center;color:var(--soft)}
.text{display:-webkit-box;-webkit-line-clamp:5;-webkit-box-orient:vertical;overflow:hidden;overflow-wrap:anywhere;font-size:.9rem}
small{display:block;overflow-wrap:anywhere;font-size:.72rem;line-height:1.3}
table{border-collapse:collapse}td{border-top:1px solid var(--line);padding:.2rem .6rem .2rem 0;vertical-align:top;overflow-wrap:anywhere}
@media(max-width:40rem){.histogram text{font-size:22px}.bar{grid-template-columns:1fr auto;gap:0 .6rem;margin:.45rem 0}.label{grid-column:1/-1}.grid{grid-template-columns:none;grid-auto-flow:column;grid-auto-columns:44%;overflow-x:auto}}
`;
