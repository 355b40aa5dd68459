/** Every sub-command, in the order of the work. */
import type { Command } from 'commander';
import { exportCommand } from './export.ts';
import { filterCommand } from './filter.ts';
import { init } from './init.ts';
import { table } from './table.ts';

const initCommand = (program: Command): void => {
  program
    .command('init')
    .description('write a commented lait.yaml')
    .argument('[dir]', 'corpus directory', 'corpus')
    .addHelpText('after', '\nExample:\n  $ lait init birds')
    .action((dir: string) => console.log(`Wrote ${init(dir)}`));
};

const setupCommand = (program: Command): void => {
  program
    .command('setup')
    .description('build the native parts and fetch TensorFlow; does nothing when all is there')
    .addHelpText('after', '\nExample:\n  $ LAIT_TENSORFLOW=gpu npx lait setup')
    .action(async () => {
      const { setUp } = await import('./setup/setup.ts');
      await setUp((line) => console.log(line));
    });
};

const doctorCommand = (program: Command): void => {
  program
    .command('doctor')
    .description('say what is there, what is missing and how to get it')
    .addHelpText('after', '\nExample:\n  $ npx lait doctor')
    .action(async () => {
      const { examine } = await import('./setup/doctor.ts');
      const marks = { ok: '✔', missing: '✘', later: '○' } as const;
      const findings = await examine();
      console.log(
        table(
          findings.map(({ name, state, detail }) => [`${marks[state]} ${name}`, detail]),
          [0, 1],
        ),
      );
      if (findings.some(({ state }) => state === 'missing')) process.exitCode = 2;
    });
};

export const commands: readonly ((program: Command) => void)[] = [
  initCommand,
  filterCommand,
  doctorCommand,
  setupCommand,
];
