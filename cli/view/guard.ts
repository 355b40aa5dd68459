/**
 * Who may ask the workbench. It listens on loopback, where every page of the web and every user of the machine can reach it, so each
 * request has to show three things: a Host that is ours (a foreign name that was made to lead here, DNS rebinding, has its own), an Origin
 * that is ours where there is one, and the token that was printed, kept in a cookie from the first request on.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';

/** 256 bits. */
export const newToken = (): string => randomBytes(32).toString('base64url');

/** Takes as long for a wrong token as for the right one. */
function isSame(given: string | undefined, token: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(given ?? ''), hash(token));
}

/** What every response says: the page runs scripts of ours only, and loads nothing from elsewhere. */
const headers: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};

/** Lets through what may ask; `port` is known once the server listens. */
export function guard({ token, port }: { readonly token: string; readonly port: () => number }): MiddlewareHandler {
  return async (context, next) => {
    for (const [name, value] of Object.entries(headers)) context.header(name, value);
    const host = context.req.header('host') ?? '';
    if (host !== `127.0.0.1:${port()}` && host !== `localhost:${port()}`) {
      return context.text('This host is not the workbench.', 403);
    }
    const origin = context.req.header('origin');
    const isReading = context.req.method === 'GET' || context.req.method === 'HEAD';
    if (origin === undefined ? !isReading : origin !== `http://${host}`) {
      return context.text('Another page may not ask the workbench.', 403);
    }
    // Cookies know no ports: two workbenches on one machine have one each.
    const cookie = `lait-view-${port()}`;
    const isFirst = context.req.path === '/' && isSame(context.req.query('token'), token);
    if (!isFirst && !isSame(getCookie(context, cookie), token)) {
      return context.text('Open the address that `lait view` printed, with its token.', 401);
    }
    if (isFirst) setCookie(context, cookie, token, { httpOnly: true, sameSite: 'Strict', path: '/' });
    return next();
  };
}
