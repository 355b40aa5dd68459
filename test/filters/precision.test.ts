/** What labels say of rules: intervals as published, samples that do not depend on when they are drawn, and weights. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { drawSample, type Stratum } from '../../dataset/ledger/label-sample.ts';
import { type Label, labelsOf, lastLabelled, setLabel } from '../../dataset/ledger/labels.ts';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { precisionOf, wilson } from '../../filters/precision.ts';
import { recipe } from '../../filters/recipe.ts';
import { screen } from '../../filters/screen.ts';
import { idOf, judging, recordPictures, url } from '../cli/view/looked-at.ts';

const three = (value: number): number => Number(value.toFixed(3));

describe('wilson', () => {
  // Newcombe 1998, table I, method 3.
  for (const [of, n, low, high] of [
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ] as const) {
    it(`${of} of ${n}`, () => {
      const { share, ...ends } = wilson(of / n, n);
      assert.equal(share, of / n);
      assert.deepEqual(
        [ends.low, ends.high].map((end) => Number(end.toFixed(4))),
        [low, high],
      );
    });
  }
});

describe('precisionOf', () => {
  const ids = (name: string, count: number): string[] => Array.from({ length: count }, (_, at) => `${name}${at}`);
  const strata: readonly Stratum[] = [
    { verdict: 'kept', size: 900, ids: ids('k', 10) },
    { verdict: 'b', size: 90, ids: ids('b', 10) },
    { verdict: 'a', size: 10, ids: ids('a', 10) },
  ];
  const labels = (...rows: readonly (readonly [string, number, Label])[]): Map<string, Label> =>
    new Map(
      rows.flatMap(([name, count, label]) =>
        Array.from({ length: count }, (_, at) => [`${name}${at}`, label] as const).toReversed(),
      ),
    );

  it('tells of each rule what it drops and what it lets through, by weights', () => {
    const known = labels(['k', 10, 'fits'], ['b', 10, 'fits'], ['a', 4, 'unsafe']);
    for (const id of ['k0', 'k1']) known.set(id, 'does-not-fit');
    for (const id of ids('b', 6)) known.set(id, 'not-a-photo');
    const { kept, ofKept, rules } = precisionOf(strata, known, ['a', 'none', 'b']);
    assert.deepEqual([kept.labelled, kept.weight, ofKept!.share], [10, 90, 0.8]);
    assert.deepEqual(
      rules.map(({ verdict, labelled, weight, ofDropped }) => [verdict, labelled, weight, ofDropped!.share]),
      [
        ['a', 4, 2.5, 1],
        ['b', 10, 9, 0.6],
      ],
    );
    // Of what a lets through: 720 of 900 and 36 of 90, by 10 labels of 90 and 10 of 9.
    const { share, low, high } = rules[0]!.ofStaying!;
    assert.equal(three(share), three(756 / 990));
    const worth = (990 * 990) / (10 * 90 * 90 + 10 * 9 * 9);
    assert.deepEqual([low, high].map(three), [wilson(share, worth).low, wilson(share, worth).high].map(three));
    assert.equal(rules[1]!.ofStaying!.share, 0.8);
  });

  it('counts no label behind a gap, and none that nobody could give', () => {
    const known = labels(['b', 5, 'fits']);
    known.delete('b3');
    known.set('b0', 'skipped');
    const { rules } = precisionOf(strata, known, ['a', 'b']);
    assert.deepEqual(
      rules.map(({ labelled, ofDropped, ofStaying }) => [labelled, ofDropped?.share, ofStaying]),
      [
        [0, undefined, null],
        [2, 0, null],
      ],
    );
  });
});

describe('a sample', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lait-sample-'));
  let ledger: Ledger;
  const judge = async (minSharpness: number): Promise<void> => {
    const raw = { read: (): Buffer => assert.fail('an image was opened') };
    await screen({ ledger, recipe: recipe({ ...judging, minSharpness }), raw });
  };
  before(async () => {
    ledger = Ledger.open(folder);
    const raw = await recordPictures(ledger, folder, 40);
    await screen({ ledger, recipe: recipe(judging), raw });
    raw.close();
  });
  after(() => {
    ledger.close();
    rmSync(folder, { recursive: true });
  });
  const of = (sample: readonly Stratum[], verdict: string) => sample.find((one) => one.verdict === verdict)!;

  it('has so many pairs of each verdict, all with a picture, the same every time and others by another seed', () => {
    const sample = drawSample(ledger, { seed: 1, each: 3 });
    assert.deepEqual(sample.map(({ verdict }) => verdict).sort(), [
      'image/blur',
      'image/dominant',
      'image/flat',
      'kept',
    ]);
    const counted = ledger.db.prepare('SELECT count(*) FROM pairs WHERE dropped_by = ?').pluck();
    assert.equal(of(sample, 'image/blur').size, counted.get('image/blur'));
    for (const { ids, size } of sample) assert.equal(ids.length, Math.min(3, size));
    assert.deepEqual(drawSample(ledger, { seed: 1, each: 3 }), sample);
    // More of each begin with these.
    for (const { verdict, ids } of drawSample(ledger, { seed: 1, each: 50 })) {
      assert.deepEqual(ids.slice(0, 3), of(sample, verdict).ids);
    }
    assert.notDeepEqual(of(drawSample(ledger, { seed: 2, each: 3 }), 'kept').ids, of(sample, 'kept').ids);
  });

  it('keeps its order when a threshold moves', async () => {
    const before = of(drawSample(ledger, { seed: 1, each: 50 }), 'kept').ids;
    await judge(1_000);
    const after = of(drawSample(ledger, { seed: 1, each: 50 }), 'kept').ids;
    assert.ok(after.length < before.length && after.length > 0, `${before.length} to ${after.length}`);
    assert.deepEqual(
      after,
      before.filter((id) => after.includes(id)),
    );
    await judge(judging.minSharpness!);
  });

  it('labels are of a picture: a new one under the same address has none, and a takedown removes them', () => {
    assert.equal(setLabel(ledger, idOf(1), 'fits', 5), true);
    assert.equal(setLabel(ledger, idOf(2), 'unsafe', 5), true);
    assert.equal(setLabel(ledger, 'f'.repeat(32), 'fits'), false);
    assert.equal(setLabel(ledger, idOf(40), 'fits'), false, 'of a picture that failed');
    assert.deepEqual(lastLabelled(ledger), { id: idOf(2), label: 'unsafe' });
    assert.equal(setLabel(ledger, idOf(2), null), true);
    assert.deepEqual(lastLabelled(ledger), { id: idOf(1), label: 'fits' });
    setLabel(ledger, idOf(2), 'unsafe');
    ledger.db.prepare('UPDATE images SET sha256 = ? WHERE url = ?').run('0'.repeat(64), url(1));
    assert.deepEqual([...labelsOf(ledger)], [[idOf(2), 'unsafe']]);
    ledger.db.prepare('DELETE FROM pairs WHERE id = ?').run(idOf(2));
    assert.deepEqual([...labelsOf(ledger)], []);
    assert.equal(ledger.db.prepare('SELECT count(*) FROM labels').pluck().get(), 1);
  });
});
