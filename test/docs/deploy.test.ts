/** The files of deploy/ say what lait understands; test/interop reads them as what they are. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Command } from 'commander';
import { parse, parseAllDocuments } from 'yaml';
import { addCommands } from '../../cli/commands.ts';
import { configSchema } from '../../cli/config.ts';

const read = (name: string): string => readFileSync(new URL(`../../deploy/${name}`, import.meta.url), 'utf8');
const compose = parse(read('compose.yaml'), { merge: true });
const [map, job, help, , cron] = parseAllDocuments(read('kubernetes.yaml')).map((one) => one.toJS());

test('their lait.yaml is one', () => {
  for (const text of [compose.configs.lait.content, map.data['lait.yaml']]) {
    const { store } = configSchema.parse(parse(text));
    assert.match(store!, /^postgres:\/\/lait@/);
  }
  assert.match(configSchema.parse(parse(map.data['lait.yaml'])).blobs!, /^s3:/);
});

test('the image that they build has a Dockerfile with what they ask of it, and no password', () => {
  const dockerfile = read('../Dockerfile');
  const { target, args = {} } = compose.services.worker.build;
  const stages = [...dockerfile.matchAll(/^FROM \S+ AS (\S+)/gim)].map(([, name]) => name);
  if (target !== undefined) assert.ok(stages.includes(target), target);
  const known = [...dockerfile.matchAll(/^ARG (\w+)/gm)].map(([, name]) => name);
  for (const name of Object.keys(args)) assert.ok(known.includes(name), name);
  // `deploy/.env`, which the first line of compose.yaml writes, lies in the folder that is copied.
  assert.ok(read('../.dockerignore').split('\n').includes('**/.env'));
});

test('their commands have the flags that they are given', async () => {
  const program = new Command();
  await addCommands(program, () => true);
  const { db: _, ...services } = compose.services as Record<string, { command: string[] }>;
  const [script] = cron.spec.jobTemplate.spec.template.spec.containers[0].args;
  const ofScript = [...script.matchAll(/lait (\w+)([^&;]*)/g)].map(([, name, rest]) => [
    name,
    ...rest.trim().split(/\s+/),
    '--corpus',
    '--wait',
  ]);
  assert.deepEqual(
    ofScript.map(([name]) => name),
    ['collect', 'filter', 'export'],
  );
  for (const [name, ...words] of [
    ...Object.values(services).map(({ command }) => command),
    ...help.spec.template.spec.containers.map(({ args }: { args: string[] }) => args),
    job.spec.template.spec.containers[0].args,
    ...ofScript,
  ]) {
    const command = program.commands.find((one) => one.name() === name);
    assert.ok(command, name);
    const flags = command.options.map(({ long }) => long);
    for (const word of words.filter((one: string) => one.startsWith('--')))
      assert.ok(flags.includes(word), `${name} ${word}`);
  }
});
