/**
 * A request to a server whose answers break the rules of HTTP/1.1 in ways that browsers forgive, and undici and Node's own client
 * do not; see lenient-response.ts. What makes forgiving unsafe, one answer read as two on a shared connection, cannot happen
 * here: each request has a connection of its own that is closed after it.
 */
import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { Socket } from 'node:net';
import { buildConnector, type Dispatcher } from 'undici';
import type { AddressGuard } from './address-guard.ts';
import { openResponseReader } from './lenient-response.ts';

export type Dispatch = (
  options: Pick<Dispatcher.DispatchOptions, 'path' | 'headers'> & { readonly origin: string; readonly method: 'GET' },
  handler: Dispatcher.DispatchHandler,
) => unknown;

/** Sends GET requests as undici's `dispatch` does, to the same handlers; other time limits than `connectMs` are up to the handler. */
export function lenientDispatch(guard: AddressGuard, maxHeaderSize: number, connectMs: number): Dispatch {
  const connect = buildConnector({ timeout: connectMs, lookup: guard.lookup, autoSelectFamily: true });
  return ({ origin, path, headers }, handler) => {
    const { protocol, hostname, host, port } = new URL(origin);
    let socket: Socket | undefined;
    let isOver = false;
    const controller = {
      aborted: false as boolean,
      paused: false as boolean,
      reason: null as Error | null,
      abort(reason: Error): void {
        controller.aborted = true;
        controller.reason = reason;
        fail(reason);
      },
      pause: () => {},
      resume: () => {},
    } satisfies Dispatcher.DispatchController;
    const fail = (error: Error): void => {
      if (isOver) return;
      isOver = true;
      socket?.destroy();
      handler.onResponseError?.(controller, error);
    };
    const attempt = (work: () => void): void => {
      try {
        if (!isOver) work();
      } catch (error) {
        fail(error as Error);
      }
    };
    const reader = openResponseReader(
      {
        onHead: (status, received) => handler.onResponseStart?.(controller, status, received, ''),
        onData: (bytes) => {
          if (!isOver) handler.onResponseData?.(controller, bytes);
        },
        onEnd: () => {
          if (isOver) return;
          isOver = true;
          socket?.destroy();
          handler.onResponseEnd?.(controller, {});
        },
      },
      maxHeaderSize,
    );
    handler.onRequestStart?.(controller, {});
    attempt(() => {
      const head = requestHead(host, path, headers as Record<string, string>);
      connect({ protocol, hostname, host, port }, (error, connected) => {
        if (error !== null) return fail(error);
        socket = connected;
        socket.on('error', fail);
        if (isOver) return void socket.destroy();
        socket.on('data', (bytes: Buffer) => attempt(() => reader.push(bytes)));
        socket.on('end', () => attempt(() => reader.close()));
        socket.on('close', () => fail(Object.assign(new Error('closed'), { code: 'ECONNRESET' })));
        socket.write(head, 'latin1');
      });
    });
  };
}

function requestHead(host: string, path: string, headers: Readonly<Record<string, string>>): string {
  const lines = Object.entries({ host, connection: 'close', ...headers }).map(([name, value]) => {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return `${name}: ${value}`;
  });
  return [`GET ${path} HTTP/1.1`, ...lines, '', ''].join('\r\n');
}
