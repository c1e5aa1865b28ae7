/**
 * The one table from error codes to HTTP. An error says what it is by its `code`, wherever it was made: in this process, in another
 * package, or on another node (a `RemoteError` carries the remote's code).
 */
const statusByCode: Readonly<Record<string, readonly [status: number, title: string]>> = {
  INVALID_CONTEXT: [400, 'Invalid context'],
  INVALID_QUORUM: [400, 'Invalid quorum'],
  INVALID_QUERY: [400, 'Invalid query parameter'],
  INVALID_KEY: [400, 'Invalid key'],
  INVALID_BUCKET_NAME: [400, 'Invalid bucket name'],
  INVALID_SETTINGS: [400, 'Invalid bucket settings'],
  INVALID_BODY: [400, 'Invalid body'],
  INVALID_CHANGES: [400, 'Invalid changes'],
  INVALID_MESSAGE: [400, 'Invalid request'],
  INVALID_REQUEST: [400, 'Invalid request'],
  INVALID_CURSOR: [400, 'Invalid cursor'],
  MALFORMED_URL: [400, 'Malformed URL'],
  UNAUTHENTICATED: [401, 'Token missing or unknown'],
  FORBIDDEN: [403, 'Right missing'],
  KEY_NOT_FOUND: [404, 'No such key'],
  UNKNOWN_NODE: [404, 'No such node'],
  ROUTE_NOT_FOUND: [404, 'No such route'],
  METHOD_NOT_ALLOWED: [405, 'Method not allowed'],
  COPY_LOST: [409, 'Copy lost'],
  TOO_MANY_SIBLINGS: [409, 'Too many siblings'],
  BUCKET_CONFLICT_FIXED: [409, 'Conflict rule is fixed'],
  ALREADY_MEMBER: [409, 'Already a member'],
  RETIRED_ID: [409, 'Node id is retired'],
  LAST_NODE: [409, 'Last node'],
  REMOVES_ITSELF: [409, 'Node would remove itself'],
  NOTHING_CHANGES: [409, 'Nothing changes'],
  NOTHING_TO_ABORT: [409, 'Nothing to abort'],
  PLAN_STALE: [409, 'Plan is stale'],
  NODE_UNHEARD: [409, 'Node does not answer'],
  VALUE_TOO_LARGE: [413, 'Value too large'],
  MESSAGE_TOO_LARGE: [413, 'Value too large'],
  OBJECT_TOO_LARGE: [413, 'Object too large'],
  KEY_TOO_LONG: [414, 'Key too long'],
  INVALID_CONTENT_TYPE: [415, 'Invalid content type'],
  TOO_MANY_COPIES: [429, 'Too many copies'],
  OVERLOADED: [429, 'Overloaded'],
  HEADERS_TOO_LARGE: [431, 'Headers too large'],
  CORRUPT_RECORD: [500, 'Corrupt record'],
  CORRUPT_OBJECT: [500, 'Corrupt object'],
  STORE_CORRUPT: [500, 'Store corrupt'],
  HINTS_FULL: [503, 'Hints full'],
  QUORUM_UNAVAILABLE: [503, 'Quorum unavailable'],
  NOT_READY: [503, 'Not ready'],
  NOT_SERVING: [503, 'Not serving'],
  NOT_A_MEMBER: [503, 'Not a member'],
  STORE_REPLACED: [503, 'Store replaced'],
  REFILLING: [503, 'Being refilled'],
  STORE_CLOSED: [503, 'Store closed'],
  STORE_READ_ONLY: [503, 'Store read-only'],
  STORE_FULL: [503, 'Store full'],
  STORE_UNWRITABLE: [503, 'Store unwritable'],
  STORE_SYNC_FAILED: [503, 'Disk failed to sync'],
  STORE_OVERLOADED: [429, 'Overloaded'],
  CANNOT_PING: [503, 'Peer cannot be pinged'],
  HISTORY_FULL: [503, 'Membership history full'],
  HISTORY_BUSY: [503, 'Membership history busy'],
  HISTORY_NOT_PERSISTED: [503, 'Membership record not stored'],
  UNKNOWN_VERB: [503, 'Peer of another version'],
  PROTOCOL_MISMATCH: [503, 'Peer of another version'],
  NOT_PERMITTED: [503, 'Refused by NATS'],
  NOT_ACCEPTED: [503, 'Not accepted now'],
  VERSIONER_STOPPED: [503, 'Stopping'],
  NO_RESPONDERS: [503, 'Node unreachable'],
  PEER_LOST: [503, 'Node lost'],
  DISCONNECTED: [503, 'Bus disconnected'],
  BUS_CLOSED: [503, 'Stopping'],
  ABORTED: [503, 'Aborted'],
  TOO_MANY_HOPS: [503, 'Forwarded too often'],
  UNKNOWN_TARGET: [503, 'Hint for nobody'],
  STALE_SLOTS: [503, 'Owners differ'],
  BARRIER_BEHIND: [503, 'Stale copy refused'],
  DEADLINE_EXCEEDED: [504, 'Deadline exceeded'],
  INTERNAL: [500, 'Internal error'],
};

/** RFC 9457 with `code`, and the error's details beside it. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly [member: string]: unknown;
}

/** Whether the code has a line in the table; also bounds the label values of the error counter. */
export function isKnownCode(code: string): boolean {
  return Object.hasOwn(statusByCode, code);
}

/** The stable code of any thrown thing; `INTERNAL` where it has none that is known. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' && isKnownCode(code) ? code : 'INTERNAL';
}

const internalDetail = 'the node failed to answer this request; its log says why';
const reserved = new Set(['type', 'title', 'status', 'detail', 'instance', 'code']);

/** The problem document of any thrown thing. What has no known code says nothing of its inside: its message goes to the log only. */
export function problemOf(error: unknown): Problem {
  const code = codeOf(error);
  const [status, title] = statusByCode[code]!;
  const detail = code === 'INTERNAL' ? internalDetail : (error as Error).message;
  const details = code === 'INTERNAL' ? {} : detailsOf(error);
  return {
    type: `urn:ringfort:error:${code.toLowerCase().replaceAll('_', '-')}`,
    title,
    status,
    code,
    detail,
    ...details,
  };
}

/** Seconds of `Retry-After`: for what is likely to pass soon. */
export function retryAfterSeconds(problem: Problem): number | undefined {
  if (problem.status !== 429 && problem.code !== 'NOT_READY' && problem.code !== 'HINTS_FULL') return undefined;
  const { retryAfterMs } = problem;
  return typeof retryAfterMs === 'number' && retryAfterMs > 0 ? Math.ceil(retryAfterMs / 1000) : 1;
}

function detailsOf(error: unknown): Record<string, unknown> {
  const { details } = error as { details?: unknown };
  if (typeof details !== 'object' || details === null || Array.isArray(details)) return {};
  return Object.fromEntries(Object.entries(details).filter(([name]) => !reserved.has(name)));
}
