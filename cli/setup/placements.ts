/**
 * Where TensorFlow has put the nodes of its graphs, as it logs it. The addon cannot ask a session for `log_device_placement`; the same lines
 * come from the placer itself with TF_CPP_VMODULE=placer=1.
 */

export interface Placements {
  readonly nodes: number;
  /** Different ops. */
  readonly ops: number;
  /** Ops that compute and lie on the CPU, sorted. */
  readonly onCpu: readonly string[];
  /** Such as GPU:0, the one with the most nodes first. */
  readonly devices: readonly string[];
}

/** NAME(OP) placed on: /job:localhost/replica:0/task:0/device:GPU:0 */
const line = /\] \S+\((\w+)\) placed on: \S*\/device:([A-Z]+:\d+)/;

/** What is fed, fetched or constant is at the door, wherever it lies. */
const doors: ReadonlySet<string> = new Set(['Const', 'NoOp', 'Placeholder', '_Arg', '_Retval', 'VarHandleOp']);

export function readPlacements(log: string): Placements {
  const counts = new Map<string, number>();
  const ops = new Set<string>();
  const onCpu = new Set<string>();
  for (const text of log.split('\n')) {
    const [, op, device] = line.exec(text) ?? [];
    if (op === undefined || device === undefined) continue;
    counts.set(device, (counts.get(device) ?? 0) + 1);
    ops.add(op);
    if (device.startsWith('CPU') && !doors.has(op)) onCpu.add(op);
  }
  return {
    nodes: [...counts.values()].reduce((sum, one) => sum + one, 0),
    ops: ops.size,
    onCpu: [...onCpu].sort(),
    devices: [...counts].sort(([, a], [, b]) => b - a).map(([device]) => device),
  };
}
