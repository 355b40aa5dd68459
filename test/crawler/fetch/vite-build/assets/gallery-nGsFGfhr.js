const a=[1,2],o=()=>`<main><h1>Boats</h1>${a.map(t=>`<figure><img src="/boat-${t}.jpg" alt="Boat number ${t} on the lake" width="600" height="400"></figure>`).join("")}</main>`;export{o as gallery};
