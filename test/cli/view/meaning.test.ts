/** Search by meaning from end to end: `lait embed` by a CLIP, resumed and followed, asked through the workbench. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type EmbedSummary, embed } from '../../../cli/embed.ts';
import { openWorkbench, type Workbench } from '../../../cli/view/server.ts';
import { takedown } from '../../../dataset/export/takedown.ts';
import { Ledger } from '../../../dataset/ledger/ledger.ts';
import { openRawStore } from '../../../dataset/ledger/raw-store.ts';
import { clipRelevance } from '../../../model/scorers/clip.ts';
import { idOf, url, writeLookedAt } from './looked-at.ts';

const folder = mkdtempSync(join(tmpdir(), 'lait-meaning-'));
const models = join(import.meta.dirname, '../../model/scorers/clip');
const clip = join(models, 'clip');

async function embedded(relevance?: string, signal = new AbortController().signal): Promise<EmbedSummary> {
  let summary: object = {};
  const print = (result: object): void => {
    summary = result;
  };
  await embed({ corpusDir: folder, flags: { relevance, follow: false }, args: [], signal, print });
  return summary as EmbedSummary;
}

describe('search by meaning', () => {
  let workbench: Workbench;
  before(async () => {
    await writeLookedAt(folder, { count: 12 });
    workbench = await openWorkbench({ corpusDir: folder });
  });
  after(async () => {
    await workbench.close();
    rmSync(folder, { recursive: true });
  });
  const json = async (path: string) => {
    const { origin, port, searchParams } = new URL(workbench.url);
    const headers = { cookie: `lait-view-${port}=${searchParams.get('token')}` };
    const response = await fetch(`${origin}/api/${path}`, { headers });
    // biome-ignore lint/suspicious/noExplicitAny: the tests look at what it is
    return { status: response.status, body: (await response.json()) as any };
  };

  it('needs vectors, and a model that makes them', async () => {
    assert.deepEqual(await json('meaning'), { status: 200, body: null });
    assert.equal((await json('corpus')).body.hasVectors, false);
    assert.deepEqual(await json('meaning/found?words=bird&find=picture'), {
      status: 404,
      body: { error: 'This has no vector yet: run `lait embed`.' },
    });
    await assert.rejects(embedded(), /Expected a model that embeds but received none; give --relevance a CLIP/);
    for (const query of [
      'words=bird',
      'find=picture',
      'find=raw&words=x',
      `find=text&words=x&pair=${idOf(0)}`,
      'find=text&pair=x',
    ]) {
      assert.equal((await json(`meaning/found?${query}`)).status, 400, query);
    }
  });

  it('embeds every picture and text once, after a stop too, and what comes new', async () => {
    const stopped = new AbortController();
    stopped.abort(new Error('stopped'));
    await assert.rejects(embedded(clip, stopped.signal), /stopped/);
    const { pictures, texts, undecodable, removed } = await embedded(clip);
    assert.deepEqual(
      { pictures, texts, undecodable, removed },
      { pictures: 12, texts: 15, undecodable: 0, removed: 0 },
    );
    const again = await embedded();
    assert.deepEqual([again.pictures, again.texts], [0, 0]);
    const ledger = Ledger.open(folder);
    const raw = openRawStore(folder);
    const bytes = Buffer.from('no picture at all');
    const place = raw.append({ sha256: 'd'.repeat(64), format: 'jpg', bytes });
    ledger.recordPage({ url: 'http://new.example/', status: 'fetched', fetchedAtMs: 1 }, [
      { url: 'http://new.example/1.jpg', texts: [{ source: 'alt', text: 'A picture that is none' }] },
    ]);
    const stored = { format: 'jpg', width: 1, height: 1, frames: 1, phash: '0'.repeat(16), byteLength: bytes.length };
    ledger.recordImage({
      url: 'http://new.example/1.jpg',
      status: 'success',
      fetchedAtMs: 1,
      stored: { ...stored, sha256: 'd'.repeat(64), ...place },
    });
    raw.close();
    // A text that is cleaned otherwise is embedded anew.
    ledger.db.prepare('UPDATE pairs SET cleaned_text = ? WHERE id = ?').run('a boat', idOf(1));
    ledger.close();
    const more = await embedded();
    assert.deepEqual([more.pictures, more.texts, more.undecodable, more.removed], [0, 2, 1, 0]);
    assert.deepEqual([(await embedded()).texts, (await embedded()).undecodable], [0, 0]);
  });

  it('finds pictures for words as the model ranks them, texts for a picture, and pictures like it', async () => {
    const { body: facts } = await json('meaning');
    assert.deepEqual([facts.name, facts.pictures, facts.texts], [clip, 12, 16]);
    const model = await clipRelevance(clip);
    const ledger = Ledger.openReadOnly(folder);
    const raw = openRawStore(folder);
    const place = (at: number) =>
      ledger.db
        .prepare('SELECT segment, offset, byte_length AS byteLength FROM images WHERE url = ?')
        .get(url(at)) as Parameters<typeof raw.read>[0];
    const pictures = Array.from({ length: 12 }, (_, at) => ({
      image: raw.read(place(at)),
      sha256: String(at),
      text: 'a small bird',
    }));
    const scores = await model.score(pictures);
    raw.close();
    ledger.close();
    model.dispose();
    const { body: found } = await json('meaning/found?words=a+small+bird&find=picture');
    assert.equal(found.length, 12);
    for (const { id, similarity } of found) {
      const at = Array.from({ length: 12 }, (_, number) => number).find((number) => idOf(number) === id)!;
      assert.ok(Math.abs(similarity - scores[at]!) < 0.02, `${at}: ${similarity} is ${scores[at]}`);
    }
    const { body: texts } = await json(`meaning/found?pair=${idOf(0)}&find=text`);
    assert.equal(texts.length, 16);
    const { body: like } = await json(`meaning/found?pair=${idOf(0)}&find=picture`);
    assert.deepEqual([like.length, like.some(({ id }: { id: string }) => id === idOf(0))], [11, false]);
    assert.ok(like[0].similarity >= like.at(-1).similarity);
  });

  it('forgets what a takedown removes', async () => {
    await takedown({ corpusDir: folder, urls: [url(2)] });
    const { body: found } = await json('meaning/found?words=bird&find=picture');
    assert.equal(found.length, 11);
    assert.equal((await json('meaning')).body.texts, 15);
  });

  it('begins anew by another model, and says so where one is no more the same', async () => {
    const { model, pictures } = await embedded(join(models, 'siglip'));
    assert.equal(pictures, 11);
    const { body } = await json('meaning');
    assert.deepEqual([body.model, body.pictures], [model, 11]);
    assert.equal((await json('meaning/found?words=bird&find=picture')).body.length, 11);
    assert.ok(existsSync(join(folder, 'vectors.db')));
  });
});
