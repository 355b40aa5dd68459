/** Labelling in the workbench: which pair comes next, what was said of those before it, and how right each rule is by that. */
import type { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { z } from 'zod';
import type { Stratum } from '../../dataset/ledger/label-sample.ts';
import {
  type Label,
  labelKinds,
  labelsOf,
  lastLabelled,
  type PairToLabel,
  pairsToLabel,
  setLabel,
} from '../../dataset/ledger/labels.ts';
import type { Ledger } from '../../dataset/ledger/ledger.ts';
import { currentRecipe, judgingOrder } from '../../dataset/ledger/recipes.ts';
import { random } from '../../dataset/random.ts';
import { type Precision, precisionOf } from '../../filters/precision.ts';
import { maxBodyBytes, mayNotEdit } from './changes.ts';

/** What the page shows of a sample. */
export interface Labelling {
  readonly labelled: number;
  readonly wanted: number;
  /** The pairs to label next. */
  readonly next: readonly PairToLabel[];
  /** The pair that was labelled last, which can be taken back. */
  readonly last: { readonly id: string; readonly label: Label } | null;
  readonly precision: Precision;
}

/** Pairs that are sent at a time: the page asks for more with every label. */
const nextAtOnce = 12;

/** `seed` and `each`, how many pairs of each verdict are drawn. */
export const sampleQuery = z.object({
  seed: z.coerce
    .number()
    .int()
    .min(0)
    .max(2 ** 32 - 1)
    .default(1),
  each: z.coerce.number().int().min(1).max(1_000).default(50),
});

const said = z.strictObject({ id: z.string().regex(/^[0-9a-f]{32}$/), label: z.enum(labelKinds).nullable() });

/** What is labelled of a sample, and what comes next. */
export function labelling(ledger: Ledger, strata: readonly Stratum[], seed: number): Labelling {
  const labels = labelsOf(ledger);
  const order = inTurn(strata, seed);
  const open = order.filter((id) => !labels.has(id));
  const rules = judgingOrder(currentRecipe(ledger)?.rules ?? []).map(({ name }) => name);
  return {
    labelled: order.length - open.length,
    wanted: order.length,
    next: pairsToLabel(ledger, open.slice(0, nextAtOnce)),
    last: lastLabelled(ledger),
    precision: precisionOf(strata, labels, rules),
  };
}

/** One pair of each verdict, then the next one of each, in no order that tells which is which. */
function inTurn(strata: readonly Stratum[], seed: number): string[] {
  const rounds = Math.max(0, ...strata.map(({ ids }) => ids.length));
  return Array.from({ length: rounds }, (_, round) =>
    random(seed, round).shuffle(strata.flatMap(({ ids }) => ids[round] ?? [])),
  ).flat();
}

interface LabelRoutes {
  readonly ledger: Ledger;
  /** Null where nothing may be changed. */
  readonly writable: Ledger | null;
  readonly draw: (what: { readonly seed: number; readonly each: number }) => Promise<Stratum[]>;
}

export function addLabelRoutes(app: Hono, { ledger, writable, draw }: LabelRoutes): void {
  app.get('/api/labels', async (context) => {
    const what = sampleQuery.parse(context.req.query());
    return context.json(labelling(ledger, await draw(what), what.seed));
  });

  app.post('/api/labels', bodyLimit({ maxSize: maxBodyBytes }), async (context) => {
    if (writable === null) return mayNotEdit(context);
    const { id, label } = said.parse(await context.req.json().catch(() => null));
    const isDone = await writable.writeWhenFree(() => setLabel(writable, id, label));
    return isDone
      ? context.json({ id, label })
      : context.json({ error: 'This pair, or its picture, is no more in the corpus.' }, 404);
  });
}
