import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import sharp from 'sharp';
import { clipFiles, clipRelevance, isClip } from '../../../model/scorers/clip.ts';
import { ensureHubScorer } from '../../../model/scorers/hub.ts';

/** Made by clip/make.py with Hugging Face's transformers 5.24: random weights, all else as the public models have it. */
const models = join(import.meta.dirname, 'clip');
const scratch = mkdtempSync(join(tmpdir(), 'lait-clip-'));
after(() => rmSync(scratch, { recursive: true }));

const picture = (folder: string, at: number) => readFileSync(join(folder, `${at}.png`));
const copy = (name: string): string => {
  const folder = join(scratch, name);
  cpSync(join(models, 'clip'), folder, { recursive: true });
  return folder;
};

describe('clipRelevance', () => {
  for (const name of ['clip', 'siglip']) {
    it(`gives ${name} the cosines of transformers, a text that is too long among them`, async () => {
      const folder = join(models, name);
      const expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as {
        texts: string[];
        cosines: number[][];
      };
      const relevance = await clipRelevance(folder);
      const pairs = expected.cosines.flatMap((_, image) =>
        expected.texts.map((text) => ({ image: picture(folder, image), sha256: String(image), text })),
      );
      const broken = { image: Buffer.from('broken'), sha256: 'broken', text: 'a boat' };
      const scores = await relevance.score([broken, ...pairs]);
      relevance.dispose();
      assert.equal(scores[0], null);
      expected.cosines.flat().forEach((cosine, at) => {
        assert.ok(Math.abs(scores[at + 1]! - cosine) < 1e-4, `pair ${at}: ${scores[at + 1]} is ${cosine}`);
      });
    });
  }

  it('cuts the middle out of a wide picture, as the processor file says', async () => {
    const folder = join(models, 'clip');
    const relevance = await clipRelevance(folder);
    const middle = picture(folder, 0);
    const wide = await sharp(middle).extend({ left: 16, right: 16, background: '#ff00ff' }).png().toBuffer();
    const score = async (image: Buffer) =>
      (await relevance.score([{ image, sha256: String(image.length), text: 'a red boat' }]))[0];
    const [one, other] = [await score(middle), await score(wide)];
    relevance.dispose();
    assert.equal(one, other);
  });

  it('gives no score at all where no picture decodes', async () => {
    const relevance = await clipRelevance(join(models, 'clip'));
    const scores = await relevance.score([{ image: Buffer.from('x'), sha256: 'x', text: 'a boat' }]);
    relevance.dispose();
    assert.deepEqual(scores, [null]);
  });

  it('is named after its files', async () => {
    const name = async (folder: string) => {
      const relevance = await clipRelevance(folder);
      relevance.dispose();
      return relevance.model;
    };
    const same = copy('same');
    assert.equal(await name(same), await name(join(models, 'clip')));
    writeFileSync(join(same, 'preprocessor_config.json'), '{"size": 32, "image_mean": [0, 0, 0]}');
    assert.match(await name(same), /^clip-[0-9a-f]{12}$/);
    assert.notEqual(await name(same), await name(join(models, 'clip')));
  });

  it('refuses a folder without a file, another kind of model, and files that are none', async () => {
    const [without, other, torn] = [copy('without'), copy('other'), copy('torn')];
    rmSync(join(without, 'onnx/text_model.onnx'));
    writeFileSync(join(other, 'config.json'), '{"model_type": "bert"}');
    writeFileSync(join(torn, 'onnx/text_model.onnx'), 'not a network');
    for (const [folder, message] of [
      [without, /no onnx\/text_model\.onnx/],
      [other, /Expected a CLIP or SigLIP/],
      [torn, /Expected an ONNX network/],
    ] as const) {
      await assert.rejects(clipRelevance(folder), { name: 'UserError', message });
    }
    assert.deepEqual([join(models, 'clip'), join(models, 'siglip'), other, scratch].map(isClip), [
      true,
      true,
      false,
      false,
    ]);
  });
});

describe('ensureHubScorer', () => {
  let server: Server;
  const asked: string[] = [];
  const commit = 'a'.repeat(40);
  const endpoint = process.env.HF_ENDPOINT;
  before(async () => {
    server = createServer((request, response) => {
      asked.push(`${request.url} ${request.headers.authorization ?? ''}`.trim());
      const [, name, file] = /^\/(?:api\/models\/)?([^/]+\/[^/]+)\/(?:revision\/v1|resolve\/a{40}\/(.+))$/.exec(request.url!) ?? []; // biome-ignore format: one line
      if (request.url === '/tiny/clip/resolve/mirrored/config.json') response.setHeader('x-repo-commit', commit).end();
      else if (name !== 'tiny/clip') response.writeHead(404).end('not here');
      else if (file === undefined) response.end(JSON.stringify({ sha: commit }));
      else response.end(readFileSync(join(models, 'clip', file!)));
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    process.env.HF_ENDPOINT = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  after(() => {
    if (endpoint === undefined) delete process.env.HF_ENDPOINT;
    else process.env.HF_ENDPOINT = endpoint;
    server.close();
  });
  const options = { cacheDir: join(scratch, 'cache') };

  it('fetches the files of a revision once, with the token', async () => {
    process.env.HF_TOKEN = 'secret';
    const folder = await ensureHubScorer('hf://tiny/clip@v1', options);
    delete process.env.HF_TOKEN;
    assert.deepEqual(
      asked,
      ['/api/models/tiny/clip/revision/v1', ...clipFiles.map((file) => `/tiny/clip/resolve/${commit}/${file}`)].map(
        (path) => `${path} Bearer secret`,
      ),
    );
    for (const file of clipFiles) {
      assert.deepEqual(readFileSync(join(folder, file)), readFileSync(join(models, 'clip', file)), file);
    }
    assert.equal(await ensureHubScorer('hf://tiny/clip@v1', options), folder);
    assert.equal(asked.length, 1 + clipFiles.length);
  });

  it('asks nobody for a commit that is named, and the files of a mirror that has nothing else', async () => {
    const fetched = clipFiles.map((file) => `/tiny/clip/resolve/${commit}/${file}`);
    for (const [revision, before] of [
      [commit, []],
      ['mirrored', ['/api/models/tiny/clip/revision/mirrored', '/tiny/clip/resolve/mirrored/config.json']],
    ] as const) {
      asked.length = 0;
      await ensureHubScorer(`hf://tiny/clip@${revision}`, options);
      assert.deepEqual(asked, [...before, ...fetched]);
    }
  });

  it('refuses other addresses, models without the files, and a hub that does not answer', async () => {
    for (const name of ['hf://clip', 'hf://a/b/c', 'hf://../clip', 'hf://a/..']) {
      await assert.rejects(ensureHubScorer(name, options), { name: 'UserError', message: /hf:\/\/OWNER\/NAME/ }, name);
    }
    await assert.rejects(ensureHubScorer('hf://tiny/none', options), { name: 'UserError', message: /HTTP 404/ });
    process.env.HF_ENDPOINT = 'http://127.0.0.1:9';
    await assert.rejects(ensureHubScorer('hf://tiny/clip', options), { name: 'UserError', message: /to answer/ });
  });
});
