import type { Socket } from 'node:net';
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type HTTPMethods,
} from 'fastify';
import { createAuthorizer } from './auth.ts';
import { addBucketRoutes } from './bucket-routes.ts';
import { addChangeRoutes } from './change-routes.ts';
import { addClusterRoutes } from './cluster-routes.ts';
import { addCopyRoutes } from './copy-routes.ts';
import {
  HttpOverloadedError,
  InvalidContentTypeError,
  MalformedUrlError,
  MethodNotAllowedError,
  MissingHostError,
  MissingValueError,
  RouteNotFoundError,
  ValueTooLargeError,
} from './errors.ts';
import type { HttpHost } from './host.ts';
import { addKeyRoutes } from './key-routes.ts';
import { addObjectRoutes } from './object-routes.ts';
import { addOperatorRoutes } from './operator-routes.ts';
import { codeOf, problemOf, retryAfterSeconds } from './problems.ts';
import { addScrubRoutes } from './scrub-routes.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Counts against the limit of requests under way. */
    readonly admitted?: boolean;
  }
}

/** Longer than any target that Node's own header limit (16 KiB) lets through: the limits of key and bucket are checked by name. */
const maxParamLength = 32_768;
const requestTimeoutMs = 30_000;
/** For status pages, metrics and idle keep-alive beside the requests under way. */
const spareConnections = 1024;
const allMethods: readonly HTTPMethods[] = ['GET', 'HEAD', 'PUT', 'DELETE', 'POST', 'PATCH', 'OPTIONS'];

/**
 * The HTTP interface of a node, not yet listening. It may listen before the node serves: every route but `/healthz` then answers
 * `NOT_READY`.
 */
export function createHttpServer(host: HttpHost): FastifyInstance {
  const app: FastifyInstance = Fastify({
    bodyLimit: host.limits.valueBytes,
    requestTimeout: requestTimeoutMs,
    return503OnClosing: false,
    // Refused below, by name.
    http: { requireHostHeader: false },
    routerOptions: { maxParamLength },
    exposeHeadRoutes: true,
    frameworkErrors: (error, _request, reply) =>
      sendProblem(reply as unknown as FastifyReply, translated(error, host), host),
    clientErrorHandler,
  });
  // Beyond it a connection is closed at once: each that is open costs memory.
  app.server.maxConnections = host.limits.inFlight + spareConnections;
  leaveNothingToNode(app);
  acceptAnyBody(app);
  admitBounded(app, host);
  app.addHook('onRequest', createAuthorizer(host.tokens));
  app.setErrorHandler((error, _request, reply) => sendProblem(reply, translated(error, host), host));
  app.setNotFoundHandler((request, reply) => sendProblem(reply, new RouteNotFoundError(request.method), host));
  refuseOtherMethods(app, host, () => {
    addKeyRoutes(app, host);
    addBucketRoutes(app, host);
    addClusterRoutes(app, host);
    addChangeRoutes(app, host);
    addOperatorRoutes(app, host);
    addObjectRoutes(app, host);
    addScrubRoutes(app, host);
    addCopyRoutes(app, host);
  });
  return app;
}

/** What Node's server would answer by itself, without a problem document or at the wrong moment. */
function leaveNothingToNode(app: FastifyInstance): void {
  app.addHook('onRequest', ({ raw, headers }, _reply, done) =>
    done(raw.httpVersion === '1.1' && headers.host === undefined ? new MissingHostError() : undefined),
  );
  // Whoever expects what is not known here is served all the same (RFC 9110 section 10.1.1).
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response));
  // While answers to earlier requests of the connection are due, a 100 would go between the headers and the body of one.
  app.server.on('checkContinue', (request, response) => {
    if (response.socket !== null) response.writeContinue();
    app.server.emit('request', request, response);
  });
}

/** Bodies are values: raw bytes of whatever content type. */
function acceptAnyBody(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
}

/** Refuses requests for keys beyond the limit before their bodies are read, so that bodies under way are bounded too. */
function admitBounded(app: FastifyInstance, host: HttpHost): void {
  let underWay = 0;
  const leave = () => {
    underWay -= 1;
  };
  const admit = (request: FastifyRequest, reply: FastifyReply): Error | undefined => {
    if (request.routeOptions.config.admitted !== true) return undefined;
    if (underWay >= host.limits.inFlight) return new HttpOverloadedError(host.limits.inFlight);
    underWay += 1;
    reply.raw.once('close', leave);
    return undefined;
  };
  app.addHook('onRequest', (request, reply, done) => done(admit(request, reply)));
}

/** Answers 405 with `Allow` where the path is served, but not with that method. */
function refuseOtherMethods(app: FastifyInstance, host: HttpHost, addRoutes: () => void): void {
  const methodsByPath = new Map<string, Set<string>>();
  let recording = true;
  app.addHook('onRoute', ({ url, method }) => {
    if (!recording) return;
    const methods = methodsByPath.get(url) ?? new Set();
    for (const name of [method].flat()) methods.add(name);
    methodsByPath.set(url, methods);
  });
  addRoutes();
  recording = false;
  for (const [url, served] of methodsByPath) {
    const allowed = [...served].sort();
    app.route({
      method: allMethods.filter((method) => !served.has(method) && !(method === 'HEAD' && served.has('GET'))),
      url,
      handler: (request, reply) => {
        reply.header('Allow', allowed.join(', '));
        return sendProblem(reply, new MethodNotAllowedError(request.method, allowed), host);
      },
    });
  }
}

/** Fastify's own refusals under the names of this interface; anything else as it is. */
function translated(error: unknown, host: HttpHost): unknown {
  const { code } = error as FastifyError;
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new ValueTooLargeError(host.limits.valueBytes);
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return new InvalidContentTypeError();
  if (code === 'FST_ERR_BAD_URL' || code === 'FST_ERR_MAX_PARAM_LENGTH') return new MalformedUrlError();
  // The client broke off. Nobody hears the answer; but it is no failure of the node, which its log would be full of.
  if (code === 'ECONNRESET') return new MissingValueError('the connection broke before the body was whole', {}, error);
  // Of the methods that Node's parser knows, only this one is refused before its route is looked for.
  if (code === 'FST_ERR_ROUTE_MISSING_CONTENT_TYPE') return new RouteNotFoundError('QUERY');
  if (code === 'FST_ERR_CTP_INVALID_CONTENT_LENGTH') {
    return new MissingValueError('the body ended before its Content-Length', {}, error);
  }
  return error;
}

function sendProblem(reply: FastifyReply, error: unknown, host: HttpHost): FastifyReply {
  const problem = problemOf(error);
  if (codeOf(error) === 'INTERNAL') host.log.error({ err: error, url: reply.request?.url }, 'a request failed');
  const retryAfter = retryAfterSeconds(problem);
  if (retryAfter !== undefined) reply.header('Retry-After', String(retryAfter));
  return reply
    .code(problem.status)
    .header('Content-Type', 'application/problem+json')
    .send(Buffer.from(JSON.stringify(problem)));
}

/** What Node's parser refuses before there is a request: a problem all the same, then the connection is closed. */
function clientErrorHandler(this: FastifyInstance, error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) return void socket.destroy();
  const [status, code, detail] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? ['431 Request Header Fields Too Large', 'HEADERS_TOO_LARGE', 'request line and headers exceed 16 KiB']
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ['408 Request Timeout', 'REQUEST_TIMEOUT', `the request was not complete within ${requestTimeoutMs} ms`]
        : ['400 Bad Request', 'INVALID_REQUEST', 'this is not an HTTP/1.1 request'];
  const type = `urn:ringfort:error:${code.toLowerCase().replaceAll('_', '-')}`;
  const body = JSON.stringify({ type, title: status.slice(4), status: Number(status.slice(0, 3)), code, detail });
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
