/**
 * A process in a network namespace of its own, with a link to this one that can be taken down: no connection is ended then, and nothing comes
 * through. The link is a pair of virtual Ethernet devices that goes away with the process. Its network is one for documentation (RFC 5737).
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

/** Addresses of this side, from 1 on. */
export const apartAddress = (n: number): string => `198.51.100.${n}`;
const ownAddress = apartAddress(250);

/** Why no such process can be started here; false where one can. */
export const noNamespaces: string | false = obstacle();

function obstacle(): string | false {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'network namespaces want root on Linux';
  const tried = spawnSync(
    'unshare',
    ['--net', 'sh', '-c', 'ip link add name va type veth peer name vb && nsenter -V'],
    {
      encoding: 'utf8',
    },
  );
  return tried.status === 0 ? false : `no network namespace was to be had: ${tried.stderr || tried.error?.message}`;
}

export interface Apart {
  readonly child: ChildProcess;
  cut(): void;
  mend(): void;
}

/** Starts Node with these arguments; this side has the first so many addresses while it runs. */
export async function startApart(args: readonly string[], env: NodeJS.ProcessEnv, addresses: number): Promise<Apart> {
  const script = `ip link set lo up && echo && read -r go && ip addr add ${ownAddress}/24 dev eth0 && ip link set eth0 up && exec "$0" "$@"`;
  const child = spawn('unshare', ['--net', 'sh', '-c', script, process.execPath, ...args], { env });
  const ended = once(child, 'close').then(([code]) => Promise.reject(new Error(`unshare ended with ${code}`)));
  await Promise.race([once(child.stdout, 'data'), ended]);
  ended.catch(() => {});
  const name = `lait${child.pid}`;
  const ip = (...words: string[]): void => void execFileSync('ip', words);
  try {
    ip('link', 'add', 'name', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(child.pid));
    for (let n = 1; n <= addresses; n++) ip('addr', 'add', `${apartAddress(n)}/24`, 'dev', name);
    ip('link', 'set', name, 'up');
  } catch (error) {
    child.kill();
    throw error;
  }
  child.stdin.end('\n');
  const inside = (state: string): void =>
    void execFileSync('nsenter', ['-t', String(child.pid), '-n', 'ip', 'link', 'set', 'eth0', state]);
  return { child, cut: () => inside('down'), mend: () => inside('up') };
}
