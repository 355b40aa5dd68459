import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pictures } from '../../../cli/demo/pictures.ts';
import { plantWrongTexts } from '../../../cli/demo/plants.ts';
import { startDemoSite } from '../../../cli/demo/site.ts';

describe('the wrong texts of the demo', () => {
  const all = pictures();
  const plants = plantWrongTexts(all);

  it('are three in ten, the same each time', () => {
    const kinds = [...plants.values()].map(({ kind }) => kind);
    const share = (kind: string) => kinds.filter((one) => one === kind).length / all.length;
    assert.deepEqual(['swapped', 'misleading', 'generic'].map((kind) => share(kind).toFixed(2)), ['0.20', '0.05', '0.05']); // biome-ignore format: one line
    assert.deepEqual(plantWrongTexts(all), plants);
  });

  it('are not those of their pictures, misleading ones of another in the chapter', () => {
    const byText = new Map(all.map((picture) => [picture.texts.en, picture]));
    for (const [picture, { kind, text }] of plants) {
      assert.notEqual(text, picture.texts.en);
      if (kind === 'misleading') assert.equal(byText.get(text)?.group, picture.group);
      if (kind === 'generic') assert.ok(!byText.has(text));
    }
  });

  it('stand so often that no rule on common texts sees them', () => {
    const counts = new Map<string, number>();
    for (const { name, text } of plants.values()) {
      for (const one of [name, text]) counts.set(one, (counts.get(one) ?? 0) + 1);
    }
    assert.ok(Math.max(...counts.values()) <= 10, JSON.stringify([...counts].filter(([, count]) => count > 10)));
  });
});

describe('the site', () => {
  it('alone tells which of its texts are right', async () => {
    const site = await startDemoSite({ pictures: 60 });
    try {
      const links = await (await fetch(`${site.url}en/`)).text();
      const seen = { right: 0, wrong: 0 };
      for (const [, path] of links.matchAll(/href="(\/en\/[^"]+)"/g)) {
        const page = await (await fetch(new URL(path!, site.url))).text();
        assert.doesNotMatch(page, /planted|swapped|misleading/);
        for (const [, src, alt] of page.matchAll(
          /<img src="(\/media\/[^"]+)" width="360" height="360" alt="([^"]*)"/g,
        )) {
          const text = alt!.replaceAll('&quot;', '"').replaceAll('&amp;', '&');
          const told = site.truth(new URL(src!, site.url).href, text);
          assert.ok(told, `${src}: ${text}`);
          seen[told === 'right' ? 'right' : 'wrong'] += 1;
        }
      }
      assert.ok(seen.right > 20 && seen.wrong >= 10, JSON.stringify(seen));
      assert.equal(site.truth(`${site.url}media/none.png`, 'a text'), undefined);
    } finally {
      await site.close();
    }
  });
});
