/** The browser's way to the web: what it passes on, and what it refuses. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { addressGuard } from '../../../crawler/fetch/address-guard.ts';
import { startGuardedProxy } from '../../../crawler/fetch/guarded-proxy.ts';
import { startSite } from '../../helpers/site.ts';

test('the proxy refuses private addresses for plain requests and tunnels', async (t) => {
  const inner = await startSite({ routes: { '/': 'secret' } });
  const proxy = await startGuardedProxy(addressGuard());
  t.after(() => Promise.all([proxy.close(), inner.close()]));
  const { hostname, port } = new URL(proxy.url);
  const plain = await new Promise((resolve) =>
    request({ hostname, port, path: `${inner.url}/` }, (res) => resolve(res.resume().statusCode)).end(),
  );
  assert.equal(plain, 403);
  const tunnel = await new Promise((resolve) =>
    request({ hostname, port, method: 'CONNECT', path: new URL(inner.url).host })
      .on('connect', (res, socket) => {
        socket.destroy();
        resolve(res.statusCode);
      })
      .end(),
  );
  assert.equal(tunnel, 403);
  assert.equal(inner.hits.size, 0);
});

test('the proxy passes on what is allowed, without headers of one connection, and says when a server is not there', async (t) => {
  const site = await startSite({
    routes: {
      '/x': (req, res) => {
        res.writeHead(207, { 'x-seen': String(req.headers['proxy-authorization']), 'content-type': 'text/plain' });
        res.end(`${req.method} ${req.headers.host}`);
      },
      '/cut': (_req, res) => {
        res.writeHead(200, { 'content-length': '100' });
        res.write('half', () => res.destroy());
      },
    },
  });
  const dead = await startSite();
  await dead.close();
  const proxy = await startGuardedProxy(addressGuard({ allowPrivate: true }));
  t.after(() => Promise.all([proxy.close(), site.close()]));
  const { hostname, port } = new URL(proxy.url);
  const ask = (path: string): Promise<string> =>
    new Promise((resolve) => {
      const asked = request({ hostname, port, path, headers: { 'proxy-authorization': 'secret' } }, (res) => {
        let body = '';
        res.on('data', (chunk) => {
          body += chunk;
        });
        res.on('end', () => resolve(`${res.statusCode} ${res.headers['x-seen'] ?? ''} ${body}`.trim()));
        res.on('error', () => resolve(`${res.statusCode} cut off`));
      });
      asked.on('error', () => resolve('no answer'));
      asked.end();
    });
  assert.equal(await ask(`${site.url}/x`), `207 undefined GET ${new URL(site.url).host}`);
  assert.equal(await ask(`${site.url}/cut`), '200 cut off');
  assert.equal(await ask(`${dead.url}/`), '502');
  assert.equal(await ask('ftp://127.0.0.1/'), '403');
  assert.equal(await ask('/no/absolute/address'), '403');
});
