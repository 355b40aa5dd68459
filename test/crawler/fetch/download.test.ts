/** What leaves a download when several things go wrong. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Agent } from 'undici';
import { addressGuard } from '../../../crawler/fetch/address-guard.ts';
import { download } from '../../../crawler/fetch/download.ts';
import { startSite } from '../../helpers/site.ts';

test('connections that cannot be closed do not hide why a download ended', async (t) => {
  const site = await startSite({ routes: { '/x.warc': 'some bytes' } });
  const agents: Agent[] = [];
  const destroy = Agent.prototype.destroy;
  t.mock.method(Agent.prototype, 'destroy', async function (this: Agent) {
    agents.push(this);
    throw new Error('the connection cannot be closed');
  });
  t.after(async () => {
    t.mock.restoreAll();
    for (const agent of agents) await destroy.call(agent);
    await site.close();
  });
  const read = async (path: string): Promise<string> => {
    const chunks: Uint8Array[] = [];
    const options = { guard: addressGuard({ allowPrivate: true }), userAgent: 'lait/test' };
    for await (const chunk of download(`${site.url}${path}`, options)) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  };
  await assert.rejects(read('/none.warc'), {
    message: `Expected a file for warc but received ${site.url}/none.warc; the server answers 404: check the address.`,
  });
  assert.equal(await read('/x.warc'), 'some bytes');
  assert.equal(agents.length, 2);
});
