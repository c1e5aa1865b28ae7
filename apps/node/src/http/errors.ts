import { NodeError } from '../errors.ts';

/** `r`, `w` or `dw` is not a number from its minimum to the bucket's N, nor `one`, `quorum`, `all`. */
export class InvalidQuorumError extends NodeError {
  readonly code = 'INVALID_QUORUM';
  constructor(parameter: string, value: string, n: number) {
    const lowest = parameter === 'dw' ? 0 : 1;
    super(`${parameter}=${value}: give a number from ${lowest} to ${n} (the bucket's N), or one, quorum, all`, {
      parameter,
      n,
    });
  }
}

export class InvalidQueryError extends NodeError {
  readonly code = 'INVALID_QUERY';
  constructor(parameter: string, what: string) {
    super(`query parameter ${parameter}: ${what}`, { parameter });
  }
}

export class InvalidKeyError extends NodeError {
  readonly code = 'INVALID_KEY';
}

export class KeyTooLongError extends NodeError {
  readonly code = 'KEY_TOO_LONG';
  constructor(bytes: number, maxBytes: number) {
    super(`the key has ${bytes} bytes of UTF-8, the limit is ${maxBytes}: hash or shorten it`, { bytes, maxBytes });
  }
}

export class InvalidBucketNameError extends NodeError {
  readonly code = 'INVALID_BUCKET_NAME';
  constructor(bytes: number, maxBytes: number) {
    super(`a bucket name has 1 to ${maxBytes} bytes of UTF-8, this one has ${bytes}`, { bytes, maxBytes });
  }
}

export class ValueTooLargeError extends NodeError {
  readonly code = 'VALUE_TOO_LARGE';
  constructor(maxBytes: number) {
    super(`the body is larger than ${maxBytes} bytes: split the value, or raise the node's value limit`, { maxBytes });
  }
}

export class MissingValueError extends NodeError {
  readonly code = 'INVALID_BODY';
}

export class InvalidContentTypeError extends NodeError {
  readonly code = 'INVALID_CONTENT_TYPE';
  constructor() {
    super('Content-Type must be a media type (type/subtype) of at most 256 characters; leave it out for raw bytes');
  }
}

export class InvalidContextHeaderError extends NodeError {
  readonly code = 'INVALID_CONTEXT';
  constructor() {
    super('the Ringfort-Context header is not a context: send one exactly as a former answer gave it, or none at all');
  }
}

export class InvalidSettingsError extends NodeError {
  readonly code = 'INVALID_SETTINGS';
  constructor(problems: readonly string[]) {
    super(`bucket settings: ${problems.join('; ')}`, { problems });
  }
}

export class KeyNotFoundError extends NodeError {
  readonly code = 'KEY_NOT_FOUND';
  constructor() {
    super('there is no value under this key');
  }
}

export class UnknownNodeError extends NodeError {
  readonly code = 'UNKNOWN_NODE';
  constructor(node: string) {
    super(`"${node}" is no member of this cluster: ringfort status lists them`, { node });
  }
}

/** HTTP/1.1 asks for it (RFC 9112 section 3.2). */
export class MissingHostError extends NodeError {
  readonly code = 'INVALID_REQUEST';
  constructor() {
    super('the request has no Host header: send one, as HTTP/1.1 asks for');
  }
}

export class MalformedUrlError extends NodeError {
  readonly code = 'MALFORMED_URL';
  constructor() {
    super('the path is not valid percent-encoded UTF-8: encode each of bucket and key with encodeURIComponent');
  }
}

export class RouteNotFoundError extends NodeError {
  readonly code = 'ROUTE_NOT_FOUND';
  constructor(method: string) {
    super(
      `${method} of this path is not served; keys live under /v1/buckets/{bucket}/keys/{key}, with / in a key as %2F`,
    );
  }
}

export class MethodNotAllowedError extends NodeError {
  readonly code = 'METHOD_NOT_ALLOWED';
  constructor(method: string, allowed: readonly string[]) {
    super(`${method} is not served here; use ${allowed.join(', ')}`, { allowed });
  }
}

export class UnauthenticatedError extends NodeError {
  readonly code = 'UNAUTHENTICATED';
  constructor(right: string) {
    super(`this needs a token with the right "${right}": send Authorization: Bearer <token>`, { right });
  }
}

export class ForbiddenError extends NodeError {
  readonly code = 'FORBIDDEN';
  constructor(right: string) {
    super(`the token lacks the right "${right}"`, { right });
  }
}

/** More requests are under way at this node's HTTP interface than its limit. */
export class HttpOverloadedError extends NodeError {
  readonly code = 'OVERLOADED';
  constructor(limit: number) {
    super(`${limit} requests are under way, the node's limit: wait, or ask another node`, {
      limit,
      retryAfterMs: 1000,
    });
  }
}
