/** The workbench's server: who may ask it, what it answers, and that nothing of the web gets further than text and pixels. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import sharp from 'sharp';
import { openWorkbench, type Workbench } from '../../../cli/view/server.ts';
import { lockPart } from '../../../dataset/corpus-lock.ts';
import { Ledger } from '../../../dataset/ledger/ledger.ts';
import { openRawStore } from '../../../dataset/ledger/raw-store.ts';
import { pairId } from '../../../dataset/pair.ts';
import { hostileText, idOf, writeLookedAt } from './looked-at.ts';

const folder = mkdtempSync(join(tmpdir(), 'lait-view-'));
const svgUrl = 'http://evil.example/1.svg';
const svgId = pairId(svgUrl, 'A drawing that is a program');
let [reading, editing] = [] as unknown as [Workbench, Workbench];

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** Asks with the token in the cookie, as the page does, unless told otherwise. */
function ask(
  path: string,
  {
    of = reading,
    headers = {},
    cookie = true,
    method = 'GET',
    body = '',
  }: {
    of?: Workbench;
    headers?: Readonly<Record<string, string>>;
    cookie?: boolean;
    method?: string;
    body?: string;
  } = {},
): Promise<Answer> {
  const { port, searchParams } = new URL(of.url);
  const sent = { ...(cookie ? { cookie: `lait-view-${port}=${searchParams.get('token')}` } : {}), ...headers };
  return new Promise((resolve, reject) => {
    // Not fetch, which writes Host and Origin itself and tidies paths up.
    const req = request({ host: '127.0.0.1', port, path, method, headers: sent }, (res) => {
      const parts: Buffer[] = [];
      res.on('data', (part: Buffer) => parts.push(part));
      res.on('end', () => resolve({ status: res.statusCode ?? 0, headers: res.headers, body: Buffer.concat(parts) }));
    });
    req.on('error', reject);
    req.end(body);
  });
}

const json = async (...given: Parameters<typeof ask>) => JSON.parse((await ask(...given)).body.toString('utf8'));

const originOf = (of: Workbench): string => new URL(of.url).origin;
const change = (value: unknown, setting: string, of = editing, headers: Record<string, string> = {}) =>
  ask('/api/settings', {
    of,
    method: 'POST',
    headers: { origin: originOf(of), 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ setting, value }),
  });

before(async () => {
  await writeLookedAt(folder);
  // A store that has an SVG all the same: made by another program, or an older lait.
  const ledger = Ledger.open(folder);
  const raw = openRawStore(folder);
  const bytes = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>');
  ledger.recordPage({ url: 'http://evil.example/', status: 'fetched', fetchedAtMs: 1 }, [
    { url: svgUrl, texts: [{ source: 'alt', text: 'A drawing that is a program' }] },
  ]);
  const sha256 = 'e'.repeat(64);
  const stored = {
    format: 'svg',
    width: 1,
    height: 1,
    frames: 1,
    phash: '0'.repeat(16),
    byteLength: bytes.length,
    sha256,
  };
  const place = raw.append({ sha256, format: 'svg', bytes });
  ledger.recordImage({ url: svgUrl, status: 'success', fetchedAtMs: 1, stored: { ...stored, ...place } });
  raw.close();
  ledger.close();
  reading = await openWorkbench({ corpusDir: folder });
  editing = await openWorkbench({ corpusDir: folder, mayEdit: true });
});
after(async () => {
  await reading.close();
  await editing.close();
  rmSync(folder, { recursive: true });
});

describe('who may ask', () => {
  const everything = ['/', '/page/app.js', '/api/corpus', '/api/pairs', `/picture/${idOf(0)}/small`, '/no-such-path'];

  it('nobody without the token, whatever is asked for', async () => {
    const { port } = new URL(reading.url);
    const wrong: readonly Record<string, string>[] = [
      {},
      { cookie: `lait-view-${port}=` },
      { cookie: `lait-view-${port}=${'A'.repeat(43)}` },
      { cookie: `token=${new URL(reading.url).searchParams.get('token')}` },
      { authorization: `Bearer ${new URL(reading.url).searchParams.get('token')}` },
    ];
    for (const path of everything) {
      for (const headers of wrong) {
        assert.equal((await ask(path, { cookie: false, headers })).status, 401, `${path} ${JSON.stringify(headers)}`);
      }
    }
    assert.equal((await ask('/?token=wrong', { cookie: false })).status, 401);
    // The token of one workbench opens no other.
    assert.equal((await ask(`/?${new URL(editing.url).searchParams}`, { cookie: false })).status, 401);
    assert.equal((await ask(`/api/corpus?${new URL(reading.url).searchParams}`, { cookie: false })).status, 401);
  });

  it('who has the address, which gives the cookie for all the rest', async () => {
    const { pathname, search, port } = new URL(reading.url);
    const { status, headers } = await ask(pathname + search, { cookie: false });
    assert.equal(status, 200);
    const [cookie] = headers['set-cookie'] as string[];
    assert.match(cookie!, new RegExp(`^lait-view-${port}=[\\w-]{43}; Path=/; HttpOnly; SameSite=Strict$`));
    const sent = { cookie: cookie!.split(';')[0]! };
    for (const path of everything.slice(0, -1)) {
      assert.equal((await ask(path, { cookie: false, headers: sent })).status, 200, path);
    }
    assert.equal((await ask('/no-such-path')).status, 404);
  });

  it('nobody by another name of this machine (DNS rebinding)', async () => {
    const { port } = new URL(reading.url);
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      '127.0.0.1',
      `127.0.0.1:1`,
      `[::1]:${port}`,
      `127.0.0.1.evil.example:${port}`,
    ]) {
      for (const path of everything)
        assert.equal((await ask(path, { headers: { host } })).status, 403, `${host} ${path}`);
    }
    assert.equal((await ask('/api/pairs', { headers: { host: `localhost:${port}` } })).status, 200);
  });

  it('no other page', async () => {
    const own = originOf(reading);
    for (const origin of [
      'https://evil.example',
      'null',
      'http://127.0.0.1:1',
      own.replace('http', 'https'),
      `${own}.evil.example`,
      originOf(editing),
    ]) {
      assert.equal((await ask('/api/pairs', { headers: { origin } })).status, 403, origin);
    }
    assert.equal((await ask('/api/pairs', { headers: { origin: own } })).status, 200);
  });

  it('nobody on the network', async () => {
    const addresses = Object.values(networkInterfaces()).flatMap((list = []) => list.filter((one) => !one.internal));
    const port = Number(new URL(reading.url).port);
    for (const { address, family } of addresses.filter((one) => one.family === 'IPv4')) {
      const heard = await new Promise((resolve) => {
        const socket = connect(port, address, () => resolve(true)).on('error', () => resolve(false));
        socket.on('connect', () => socket.destroy());
      });
      assert.equal(heard, false, `${family} ${address}`);
    }
  });

  it('a port that is taken is the operator’s fault', async () => {
    const port = Number(new URL(reading.url).port);
    await assert.rejects(openWorkbench({ corpusDir: folder, port }), { name: 'UserError', message: /is in use/ });
  });
});

describe('what every answer says', () => {
  it('scripts of ours only, no other place, no frame, no guess of a type', async () => {
    for (const path of ['/', '/page/app.js', '/api/corpus', '/no-such-path']) {
      const { headers } = await ask(path);
      const policy = String(headers['content-security-policy']);
      assert.match(
        policy,
        /^default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';/,
      );
      assert.doesNotMatch(policy, /unsafe/);
      assert.match(policy, /base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/);
      assert.deepEqual(
        ['x-content-type-options', 'referrer-policy', 'cross-origin-resource-policy', 'cache-control'].map(
          (name) => headers[name],
        ),
        ['nosniff', 'no-referrer', 'same-origin', 'no-store'],
        path,
      );
      assert.equal(headers['access-control-allow-origin'], undefined);
    }
  });

  it('no path leads out of the files of the page', async () => {
    const paths = [
      '/../package.json',
      '/page/../../../package.json',
      '/page/..%2f..%2f..%2fpackage.json',
      '/page/%2e%2e/%2e%2e/%2e%2e/package.json',
      '/page/app.js%00.css',
      '/page//app.js',
      '/page/index.html',
      '/node_modules/lit-html/package.json',
      '/node_modules/lit-html/../hono/package.json',
      '/lait.yaml',
      '/ledger.db',
      `/picture/../../ledger.db`,
      `/picture/${idOf(0)}/..%2f..`,
      '/picture/..%2f..%2fledger.db/small',
    ];
    for (const path of paths) assert.equal((await ask(path)).status, 404, path);
    assert.equal((await ask('/node_modules/lit-html/lit-html.js')).status, 200);
  });
});

describe('pictures', () => {
  it('whole as stored, small as WebP, each by its bytes', async () => {
    const whole = await ask(`/picture/${idOf(0)}/whole`);
    assert.deepEqual([whole.status, whole.headers['content-type']], [200, 'image/jpeg']);
    assert.equal((await sharp(whole.body).metadata()).width, 400);
    const small = await ask(`/picture/${idOf(0)}/small`);
    assert.deepEqual([small.status, small.headers['content-type']], [200, 'image/webp']);
    assert.equal((await sharp(small.body).metadata()).width, 360);
    assert.equal(small.headers['content-security-policy'], "default-src 'none'; sandbox");
    assert.equal(small.headers['x-content-type-options'], 'nosniff');
    const again = await ask(`/picture/${idOf(0)}/small`, { headers: { 'if-none-match': String(small.headers.etag) } });
    assert.deepEqual([again.status, again.body.length], [304, 0]);
  });

  it('no SVG, whatever the ledger calls it', async () => {
    for (const size of ['whole', 'small']) {
      const { status, headers, body } = await ask(`/picture/${svgId}/${size}`);
      assert.deepEqual([status, headers['content-type']], [415, 'text/plain; charset=UTF-8']);
      assert.doesNotMatch(body.toString(), /svg/);
    }
  });

  it('none of what failed, of no such pair, and of no id', async () => {
    for (const id of [idOf(24), 'f'.repeat(32), 'abc', `${idOf(0)}'--`]) {
      assert.equal((await ask(`/picture/${id}/small`)).status, 404, id);
    }
  });
});

describe('what it tells', () => {
  it('of the corpus', async () => {
    const corpus = await json('/api/corpus');
    assert.deepEqual(
      [corpus.mayEdit, corpus.preset, corpus.isFinished, corpus.funnel.found],
      [false, 'lait', true, 33],
    );
    assert.equal((await json('/api/corpus', { of: editing })).mayEdit, true);
  });

  it('of pairs, by page', async () => {
    const first = await json('/api/pairs?words=bird&source=caption');
    assert.equal(first.pairs.length, 7);
    for (const query of [
      'verdict=all',
      'source=spoken',
      'class=hero',
      'side=201',
      'before=0',
      'before=x',
      `words=${'x'.repeat(201)}`,
    ]) {
      assert.equal((await ask(`/api/pairs?${query}`)).status, 400, query);
    }
  });

  it('of a pair: its story as lait ledger explain has it, as text', async () => {
    const { headers } = await ask(`/api/pairs/${idOf(3)}`);
    assert.match(String(headers['content-type']), /^application\/json/);
    const story = await json(`/api/pairs/${idOf(3)}`);
    assert.equal(story.text, hostileText);
    assert.deepEqual([story.verdict, story.hasPicture], ['kept', true]);
    const dropped = await json(`/api/pairs/${idOf(6)}`);
    assert.deepEqual([dropped.droppedBy, dropped.reason], ['image/flat', 'nearly-one-colour']);
    const dropper = dropped.rules.find(({ said }: { said: string }) => said === 'dropped');
    assert.deepEqual([dropper.rule, dropper.reason], [dropped.droppedBy, dropped.reason]);
    const kept = await json(`/api/pairs/${idOf(4)}`);
    assert.equal(kept.others.length, 1);
    assert.ok(kept.rules.find(({ rule }: { rule: string }) => rule === 'image/blur').score > 0);
    assert.ok(
      kept.facts.some(
        ({ name, text }: { name: string; text: string }) => name === 'Rights, page' && text === 'robots.txt: allowed',
      ),
    );
    assert.equal((await ask(`/api/pairs/${'f'.repeat(32)}`)).status, 404);
    assert.equal((await ask('/api/pairs/abc')).status, 404);
  });

  it('of thresholds, and of what another would change', async () => {
    const list = await json('/api/thresholds');
    assert.deepEqual(
      list.map(({ rule, today, configured, canBeSet }: Record<string, unknown>) => [rule, today, configured, canBeSet]),
      [
        ['image/dominant', 0.4, 0.35, true],
        ['image/size', 301, 301, true],
        ['image/bytes', 0, 5000, true],
        ['image/flat', 2.5, 2.5, true],
        ['image/blur', 600, 60, true],
      ],
    );
    const moved = await json('/api/thresholds/move?rule=image/blur&to=60');
    assert.equal(moved.kept, moved.entered);
    // Two of the pairs are of one picture.
    assert.deepEqual([moved.regained, moved.pictures.length], [4, 3]);
    assert.equal((await json('/api/thresholds/move?rule=image/blur&to=100000')).pictures.length, 9);
    assert.equal((await ask('/api/thresholds/move?rule=image/photo&to=1')).status, 404);
    for (const query of ['rule=image/blur', 'rule=image/blur&to=x', 'to=1']) {
      assert.equal((await ask(`/api/thresholds/move?${query}`)).status, 400, query);
    }
  });
});

describe('labels', () => {
  const say = (id: string, label: string | null, of = editing) =>
    ask('/api/labels', {
      of,
      method: 'POST',
      headers: { origin: originOf(of), 'content-type': 'application/json' },
      body: JSON.stringify({ id, label }),
    });

  it('of a sample: without verdicts, one after the other, and kept', async () => {
    const first = await json('/api/labels?each=2', { of: editing });
    assert.deepEqual([first.labelled, first.last, first.wanted], [0, null, 7]);
    assert.equal(first.next.length, 7);
    assert.deepEqual(Object.keys(first.next[0]), ['id', 'text', 'source', 'language', 'pageTitle', 'width', 'height']);
    const { id } = first.next[0];
    assert.equal((await say(id, 'does-not-fit')).status, 200);
    const second = await json('/api/labels?each=2', { of: reading });
    assert.deepEqual([second.labelled, second.last], [1, { id, label: 'does-not-fit' }]);
    assert.deepEqual(second.next, first.next.slice(1));
    assert.equal((await say(id, null)).status, 200);
    assert.deepEqual(await json('/api/labels?each=2', { of: editing }), first);
    assert.notDeepEqual((await json('/api/labels?each=2&seed=2', { of: editing })).next, first.next);
  });

  it('only with --edit, of pairs that there are, and of the kinds that there are', async () => {
    assert.equal((await say(idOf(0), 'fits', reading)).status, 403);
    assert.equal((await say('0'.repeat(32), 'fits')).status, 404);
    assert.equal((await say(idOf(24), 'fits')).status, 404, 'of a picture that failed');
    for (const [id, label] of [
      [idOf(0), 'kept'],
      [idOf(0), 1],
      ["' OR 1", 'fits'],
    ] as const) {
      assert.equal((await say(id, label as string)).status, 400);
    }
    for (const query of ['each=0', 'each=2000', 'seed=-1', 'seed=x']) {
      assert.equal((await ask(`/api/labels?${query}`)).status, 400, query);
    }
    assert.equal((await json('/api/labels')).labelled, 0);
  });
});

describe('takedowns', () => {
  const post = (path: string, body: object, of = editing) =>
    ask(path, {
      of,
      method: 'POST',
      headers: { origin: originOf(of), 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });

  it('say at once who is writing', async () => {
    const unlock = lockPart(folder, 'shards');
    try {
      const { status, body } = await post('/api/takedown', { names: 'http://evil.example/' });
      assert.equal(status, 400);
      assert.match(
        JSON.parse(body.toString()).error,
        /^Busy: corpus .* is being written by .*\. What was named does not come any more, but is not removed yet/,
      );
    } finally {
      unlock();
    }
  });

  it('are shown to everybody who may look, and done only with --edit', async () => {
    const names = 'http://evil.example/';
    // What workers of a shared crawl have put there is not reached.
    const ofWorkers = join(folder, 'work');
    mkdirSync(ofWorkers);
    const { status, body } = await post('/api/takedown/preview', { names }, reading);
    rmSync(ofWorkers, { recursive: true });
    const { images, pairs, shown, unreached } = JSON.parse(body.toString());
    assert.deepEqual([status, images, pairs, shown[0].id, unreached], [200, 1, 1, svgId, [ofWorkers]]);
    assert.equal((await post('/api/takedown', { names }, reading)).status, 403);
    for (const wrong of [{ names: '' }, { names: 'com' }, { names: '../x' }, { names: 5 }, {}, { names, more: 1 }]) {
      assert.equal((await post('/api/takedown', wrong)).status, 400, JSON.stringify(wrong));
    }
    assert.equal((await post('/api/takedown', { names: 'x'.repeat(2_000_000) })).status, 413);
    assert.equal((await ask(`/api/pairs/${svgId}`)).status, 200);
  });
});

describe('what goes on', () => {
  it('of a crawl: what became of all URLs, and the newest pictures', async () => {
    const { outcomes, newest, pagesAMinute, frontier } = await json('/api/crawl');
    assert.deepEqual(outcomes, [
      { of: 'page', status: 'fetched', reason: null, count: 3 },
      { of: 'image', status: 'success', reason: null, count: 25 },
      { of: 'image', status: 'failed_to_download', reason: 'http-404', count: 1 },
    ]);
    assert.deepEqual([newest.length, newest[0].id, newest[1].id], [12, svgId, idOf(23)]);
    assert.deepEqual([pagesAMinute, frontier], [0, null]);
  });

  it('is sent as it goes on', async () => {
    const { port, searchParams } = new URL(reading.url);
    const leaving = new AbortController();
    const headers = { cookie: `lait-view-${port}=${searchParams.get('token')}` };
    const { body } = await fetch(new URL('/api/crawl/live', reading.url), { headers, signal: leaving.signal });
    const reader = body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    const next = async (): Promise<Record<string, unknown>> => {
      while (!text.includes('\n\n')) text += (await reader.read()).value;
      const [event, ...rest] = text.split('\n\n');
      text = rest.join('\n\n');
      return JSON.parse(event!.replace('data: ', ''));
    };
    assert.equal((await next()).pagesAMinute, 0);
    const ledger = Ledger.open(folder);
    ledger.recordPage({ url: 'http://late.example/', status: 'fetched', fetchedAtMs: Date.now() });
    ledger.close();
    assert.equal((await next()).pagesAMinute, 1);
    leaving.abort();
  });

  it('of training runs: their reports, evenly, and the last one always', async () => {
    assert.deepEqual(await json('/api/runs'), []);
    mkdirSync(join(folder, 'runs/long'), { recursive: true });
    mkdirSync(join(folder, 'runs/none'));
    const report = (step: number) => ({
      step,
      totalSteps: 999,
      loss: 1 / step,
      losses: { mlm: 1 / step },
      accuracies: {},
      samplesPerSecond: 5,
      waitShare: 0.1,
    });
    const lines = Array.from({ length: 450 }, (_, at) => JSON.stringify(report(at + 1)));
    // What is being written is cut.
    writeFileSync(join(folder, 'runs/long/log.jsonl'), `${lines.join('\n')}\n{"step":451,"tot`);
    const [run, ...others] = await json('/api/runs');
    assert.deepEqual(others, []);
    const { reports, ...rest } = run;
    assert.deepEqual(rest, {
      name: 'long',
      step: 450,
      totalSteps: 999,
      samplesPerSecond: 5,
      peakShare: null,
      waitShare: 0.1,
    });
    assert.deepEqual(
      [reports.length, reports[0].step, reports.at(-1)],
      [150, 3, { step: 450, loss: 1 / 450, losses: { mlm: 1 / 450 }, accuracies: {} }],
    );
    rmSync(join(folder, 'runs'), { recursive: true });
  });
});

describe('changes', () => {
  const path = join(folder, 'lait.yaml');

  it('only with --edit, from the page itself', async () => {
    assert.equal((await change(45, 'minSharpness', reading)).status, 403);
    for (const headers of [{ origin: 'https://evil.example' }, { origin: 'null' }]) {
      assert.equal((await change(45, 'minSharpness', editing, headers)).status, 403, headers.origin);
    }
    // A form of another page sends no Origin in old browsers.
    assert.equal((await ask('/api/settings', { of: editing, method: 'POST', body: '{}' })).status, 403);
    assert.equal(
      (
        await ask('/api/settings', {
          of: editing,
          cookie: false,
          method: 'POST',
          headers: { origin: originOf(editing) },
        })
      ).status,
      401,
    );
    assert.ok(!existsSync(path));
  });

  it('of a setting that there is, to a value that it may have', async () => {
    for (const [value, setting] of [
      [2, 'minPhoto'],
      ['x', 'minPhoto'],
      [1, 'maxUnsafe'],
      [1, '__proto__'],
      [1, 'a.b'],
    ] as const) {
      assert.equal((await change(value, setting)).status, 400, setting);
    }
    const large = await change(1, 'x'.repeat(20_000));
    assert.equal(large.status, 413);
    assert.ok(!existsSync(path));
  });

  it('are written to lait.yaml, whose comments stay, and told with the command to run', async () => {
    writeFileSync(path, '# of birds\nfilter:\n  minSharpness: 60 # blurred ones go\n');
    const { status, body } = await change(45, 'minSharpness');
    assert.deepEqual([status, JSON.parse(body.toString())], [200, { path, command: `lait filter --corpus ${folder}` }]);
    assert.equal(readFileSync(path, 'utf8'), '# of birds\nfilter:\n  minSharpness: 45 # blurred ones go\n');
    const list = await json('/api/thresholds');
    assert.equal(list.find(({ rule }: { rule: string }) => rule === 'image/blur').configured, 45);
  });

  it('of relevance stand beside their model, or not at all', async () => {
    const ledger = Ledger.open(folder);
    const rules = ledger.db.prepare('SELECT id, rules FROM recipes ORDER BY judged_at_ms DESC LIMIT 1').get() as {
      id: number;
      rules: string;
    };
    const save = ledger.db.prepare('UPDATE recipes SET rules = ? WHERE id = ?');
    const judgedBy = (model: string) =>
      save.run(JSON.stringify([{ name: 'match/relevance', settings: { model, minScore: null } }]), rules.id);
    try {
      for (const [model, before, after] of [
        ['class-names-0123456789ab', '# mine\n', '# mine\nfilter:\n  minRelevance: 0.25\n  relevance: classes\n'],
        ['class-names-0123456789ab', 'filter:\n  relevance: runs/birds\n', null],
        ['clip-0123456789ab', '# mine\n', null],
        ['clip-0123456789ab', 'filter:\n  relevance: classes\n', null],
        ['clip-0123456789ab', 'filter:\n  relevance: clip\n', 'filter:\n  minRelevance: 0.25\n  relevance: clip\n'],
      ] as const) {
        judgedBy(model);
        writeFileSync(path, before);
        const { status, body } = await change(0.25, 'minRelevance');
        assert.equal(status, after === null ? 400 : 200, body.toString());
        if (after === null) assert.match(body.toString(), /Expected filter\.relevance in lait\.yaml/);
        assert.equal(readFileSync(path, 'utf8'), after ?? before);
      }
    } finally {
      save.run(rules.rules, rules.id);
      ledger.close();
    }
  });

  it('a broken lait.yaml is told, and stays as it is', async () => {
    writeFileSync(path, 'filter: [');
    assert.equal((await change(45, 'minSharpness')).status, 400);
    const { status, body } = await ask('/api/thresholds');
    assert.equal(status, 400);
    assert.match(body.toString(), /Expected YAML/);
    assert.equal(readFileSync(path, 'utf8'), 'filter: [');
    rmSync(path);
  });
});

describe('what fails on this machine is one line, on the page and once on the terminal', () => {
  /** What the server told meanwhile. */
  async function told(work: () => Promise<void>): Promise<string> {
    const { write } = process.stderr;
    let text = '';
    process.stderr.write = ((line: string) => {
      text += line;
      return true;
    }) as typeof write;
    try {
      await work();
      return text;
    } finally {
      process.stderr.write = write;
    }
  }

  /** How long files of this process may be: a number of bytes, or `unlimited` again. */
  const limitFiles = (bytes: string): boolean =>
    spawnSync('prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:unlimited`]).status === 0;

  it('a full disk', { skip: limitFiles('unlimited') ? false : 'there is no prlimit' }, async () => {
    const text = await told(async () => {
      limitFiles('1');
      try {
        for (let time = 0; time < 2; time++) {
          const { status, body } = await change(45, 'minSharpness');
          assert.deepEqual(
            [status, /^\{"error":"the disk is full/.test(body.toString())],
            [500, true],
            body.toString(),
          );
        }
      } finally {
        limitFiles('unlimited');
      }
    });
    assert.match(text, /^lait: the disk is full[^\n]*\n$/);
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith('lait.yaml')),
      [],
    );
  });

  it('a corpus that was moved', async () => {
    const aside = `${folder}-aside`;
    renameSync(folder, aside);
    try {
      for (const of of [reading, editing]) {
        const { status, body } = await ask('/api/corpus', { of });
        assert.equal(status, 400);
        assert.match(body.toString(), /ledger\.db as it was opened but it was moved or deleted meanwhile/);
      }
    } finally {
      renameSync(aside, folder);
    }
    assert.equal((await ask('/api/corpus')).status, 200);
  });

  it('a table that a thread cannot read', async () => {
    const frontier = join(folder, 'frontier.db');
    const had = existsSync(frontier);
    if (had) renameSync(frontier, `${frontier}.aside`);
    mkdirSync(frontier);
    try {
      const fails = async () => {
        const { status, body } = await ask('/api/crawl');
        assert.equal(status, 500);
        assert.match(body.toString(), /the disk or the network file system failed/);
      };
      const text = await told(async () => {
        await fails();
        assert.equal((await ask('/api/runs')).status, 200);
        await fails();
      });
      assert.match(text, /^lait: the disk or the network file system failed[^\n]*\n$/);
      rmSync(frontier, { recursive: true });
      assert.equal((await ask('/api/crawl')).status, 200);
      mkdirSync(frontier);
      assert.equal(await told(fails), text, 'it comes again, and is told again');
    } finally {
      rmSync(frontier, { recursive: true });
      if (had) renameSync(`${frontier}.aside`, frontier);
    }
  });
});
