import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify';
import type { Right, TokenConfig } from '../config.ts';
import { ForbiddenError, UnauthenticatedError } from './errors.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a token must allow to use the route; absent: the route is open. */
    readonly right?: Right;
  }
}

/**
 * Bearer tokens (RFC 6750). Tokens are looked up by their SHA-256, so that the time of a look-up says nothing about a token.
 * Without tokens every route is open.
 */
export function createAuthorizer(tokens: readonly TokenConfig[]) {
  const rightsByDigest = new Map(tokens.map(({ token, rights }) => [digest(token), new Set(rights)]));

  function refusal(request: FastifyRequest, reply: FastifyReply): Error | undefined {
    const right = request.routeOptions.config.right;
    if (right === undefined || rightsByDigest.size === 0) return undefined;
    const token = /^Bearer +([^ ]+) *$/i.exec(request.headers.authorization ?? '')?.[1];
    const rights = token === undefined ? undefined : rightsByDigest.get(digest(token));
    if (rights?.has(right)) return undefined;
    const scope = rights === undefined ? '' : `, error="insufficient_scope", scope="${right}"`;
    reply.header('WWW-Authenticate', `Bearer realm="ringfort"${scope}`);
    return rights === undefined ? new UnauthenticatedError(right) : new ForbiddenError(right);
  }
  return function authorize(request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction): void {
    done(refusal(request, reply));
  };
}

function digest(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}
