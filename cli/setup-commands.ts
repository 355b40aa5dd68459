/** The commands that set lait up, look at the machine, and show the whole line. */
import { callFlags, plainCommand } from './add-command.ts';

const setup = plainCommand({
  name: 'setup',
  summary: 'build the native parts and fetch TensorFlow; does nothing when all is there',
  example: 'LAIT_TENSORFLOW=gpu npx lait setup',
  load: async () => {
    const { setUp } = await import('./setup/setup.ts');
    return async () => void (await setUp((line) => console.log(line)));
  },
});

const doctor = plainCommand({
  name: 'doctor',
  summary: 'say what is there, what is missing and how to get it; with --gpu, test training on the GPU',
  example: 'npx lait doctor\nnpx lait doctor --gpu --preset base --batch-size 48',
  flags: async () => (await callFlags()).doctorFlags,
  hasResult: true,
  load: async () => (await import('./setup/doctor.ts')).doctor,
});

const demo = plainCommand({
  name: 'demo',
  summary: 'crawl, filter, export, train, then filter by what was learned and train again, on a website of its own',
  example: 'npx lait demo',
  flags: async () => (await callFlags()).demoFlags,
  load: async () => (await import('./demo/demo.ts')).demo,
});

const keys = plainCommand({
  name: 'keys',
  summary: 'make a key that signs requests, and the directory file by which sites can check them',
  example: 'lait keys bot-keys',
  arguments: '[dir]',
  load: async () => {
    const { makeKeys } = await import('./keys.ts');
    return async ({ args }) => console.log(makeKeys(args[0] ?? '.'));
  },
});

export const setupCommands = [setup, doctor, demo, keys];
