/**
 * A request to a server whose answers break the rules of HTTP/1.1 in ways that every browser forgives: header lines that end
 * in LF alone or have control characters in them, folded ones, a length beside chunks. undici forgives none of them; Node's own
 * client does when asked (`insecureHTTPParser`). What makes that option unsafe, one answer read as
 * two on a shared connection, cannot happen here: each request has a connection of its own that is closed after it.
 */
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Dispatcher } from 'undici';
import type { AddressGuard } from './address-guard.ts';

export type Dispatch = (
  options: Pick<Dispatcher.DispatchOptions, 'path' | 'headers'> & { readonly origin: string; readonly method: 'GET' },
  handler: Dispatcher.DispatchHandler,
) => unknown;

/** Sends GET requests as undici's `dispatch` does, to the same handlers; time limits are up to the handler. */
export function lenientDispatch(guard: AddressGuard, maxHeaderSize: number): Dispatch {
  return ({ origin, path, headers }, handler) => {
    const send = origin.startsWith('https:') ? requestHttps : requestHttp;
    const request = send(new URL(origin), {
      path,
      headers: headers as Record<string, string>,
      agent: false,
      insecureHTTPParser: true,
      lookup: guard.lookup,
      maxHeaderSize,
    });
    const controller = {
      aborted: false as boolean,
      paused: false as boolean,
      reason: null as Error | null,
      abort(reason: Error): void {
        controller.aborted = true;
        controller.reason = reason;
        request.destroy(reason);
      },
      pause: () => {},
      resume: () => {},
    } satisfies Dispatcher.DispatchController;
    const fail = (error: Error): void => handler.onResponseError?.(controller, controller.reason ?? error);
    handler.onRequestStart?.(controller, {});
    request.on('error', fail);
    request.on('response', (response) => {
      response.on('error', fail);
      handler.onResponseStart?.(controller, response.statusCode!, response.headers, response.statusMessage);
      response.on('data', (chunk: Buffer) => handler.onResponseData?.(controller, chunk));
      response.on('end', () => handler.onResponseEnd?.(controller, {}));
    });
    request.end();
  };
}
