/** Each command line of a guide is one that the commands take: its name, its flags and their choices. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Command, type Option } from 'commander';
import { addCommands } from '../../cli/commands.ts';

const program = new Command();
await addCommands(program, () => true);

describe('docs/gpu.md', () => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/gpu.md'), 'utf8');
  const lines = [...text.matchAll(/```sh\n([\s\S]*?)```/g)]
    .flatMap(([, block = '']) => block.split('\n'))
    .map((line) => line.replace(/\s+#.*$/, ''));
  const calls = lines.flatMap((line) => /^(?:[A-Z_]+=\S+ )?npx lait (.*)$/.exec(line)?.[1] ?? []);

  it('leads from set-up to the self-test to a run', () => {
    const names = calls.map((call) => call.split(' ')[0]);
    assert.deepEqual(names, ['setup', 'doctor', 'doctor', 'regions', 'pretrain', 'pretrain', 'pretrain']);
  });

  for (const call of calls) {
    it(`lait ${call}`, () => {
      const [name, ...words] = call.split(' ');
      const command = program.commands.find((one) => one.name() === name);
      assert.ok(command, name);
      for (const [index, word] of words.entries()) {
        if (!word.startsWith('--')) continue;
        const option: Option | undefined = command.options.find(({ long }) => long === word);
        assert.ok(option, `${word} of lait ${name}`);
        const value = words[index + 1];
        assert.equal(value !== undefined && !value.startsWith('--'), option.required, `a value of ${word}`);
        if (option.argChoices) assert.ok(option.argChoices.includes(value!), `${word} ${value}`);
        else if (option.parseArg && value !== undefined) option.parseArg(value, undefined);
      }
    });
  }

  it('names no flag of ours that no command has', () => {
    const known = new Set(program.commands.flatMap(({ options }) => options.map(({ long }) => long)));
    for (const [flag] of text.matchAll(/(?<=`)--[a-z][\w-]*/g)) assert.ok(known.has(flag), flag);
  });
});
