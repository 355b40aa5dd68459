/**
 * A command on a real pseudo-terminal, and the screen that a person would see: the terminal is the system's, opened by Python (Node.js
 * has none), the screen is xterm's, without a window.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import xterm from '@xterm/headless';

/** Runs the command of its arguments on a terminal of the given size; passes on what is typed and what is printed. */
const onTerminal = `
import fcntl, os, pty, select, struct, sys, termios
columns, rows, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
    os.execvp(command[0], command)
open_inputs = [terminal, 0]
while True:
    for source in select.select(open_inputs, [], [])[0]:
        try: data = os.read(source, 65536)
        except OSError: data = b''
        if source == terminal:
            if not data: sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            os.write(1, data)
        elif data: os.write(terminal, data)
        else:
            os.close(terminal)
            sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

export interface Terminal {
  /** What stands on the screen and above it now, a string a line, wrapped lines as they are shown. */
  lines(): Promise<string[]>;
  /** Resolves when the screen has a line that matches; rejects when the command ends before. */
  shows(pattern: RegExp): Promise<void>;
  type(text: string): void;
  /** Closes it, as who closes its window. */
  close(): void;
  /** The exit code, when it has ended. */
  readonly ended: Promise<number>;
  /** Everything that was printed, control sequences and all. */
  printed(): string;
}

export function openTerminal(
  command: readonly string[],
  { columns, rows = 40, env = {} }: { columns: number; rows?: number; env?: Readonly<Record<string, string>> },
): Terminal {
  const screen = new xterm.Terminal({ cols: columns, rows, scrollback: 10_000, allowProposedApi: true });
  const child = spawn('python3', ['-c', onTerminal, String(columns), String(rows), ...command], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, TERM: 'xterm-256color', CI: '', ...env },
  });
  let printed = '';
  let written = Promise.resolve();
  const waiting = new Set<() => void>();
  child.stdout.on('data', (data: Buffer) => {
    printed += data;
    written = written.then(() => new Promise((done) => screen.write(data, done)));
    void written.then(() => {
      for (const look of waiting) look();
    });
  });
  const now = (): string[] => {
    const { active } = screen.buffer;
    const all = Array.from({ length: active.length }, (_, y) => active.getLine(y)?.translateToString(true) ?? '');
    while (all.at(-1) === '') all.pop();
    return all;
  };
  const ended = once(child, 'close').then(async ([code]) => {
    await written;
    return code as number;
  });
  return {
    lines: () => written.then(now),
    shows: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!now().some((line) => pattern.test(line))) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
        void ended.then(() => reject(new Error(`Expected ${pattern} on the screen:\n${now().join('\n')}`)));
      }),
    type: (text) => void child.stdin.write(text),
    close: () => void child.stdin.end(),
    ended,
    printed: () => printed,
  };
}
