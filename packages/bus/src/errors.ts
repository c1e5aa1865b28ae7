import type { BusFailure, WireError } from './port.ts';

type Details = Record<string, unknown>;

/** What all failures of the bus share: a stable `code`, plain `details`, the `cause` kept. */
export abstract class BusError extends Error implements BusFailure {
  abstract readonly code: string;
  readonly details?: Details | undefined;
  constructor(message: string, details?: Details, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.details = details;
  }
}

/** Nobody serves the address: the node is down, or does not run that part. The request was certainly not delivered. */
export class NoRespondersError extends BusError {
  readonly code = 'NO_RESPONDERS';
  constructor(address: string) {
    super(`nobody listens on ${address}: ask another node`, { address });
  }
}

/** Nobody serves the address any more: whether the other side acted on this request, sent while it may still have, is not known. */
export class PeerLostError extends BusError {
  readonly code = 'PEER_LOST';
  constructor(address: string) {
    super(`nobody listens on ${address} any more: the request may or may not have been carried out`, { address });
  }
}

/** The connection broke (or is not there yet): whether the other side acted on the request is not known. */
export class DisconnectedError extends BusError {
  readonly code = 'DISCONNECTED';
  constructor(address: string, options?: ErrorOptions) {
    super(`not connected while asking ${address}: try again once the bus is connected`, { address }, options);
  }
}

/** No answer within the request's `timeoutMs`: whether the other side acted on it is not known. */
export class DeadlineExceededError extends BusError {
  readonly code = 'DEADLINE_EXCEEDED';
  constructor(address: string, verb: string, timeoutMs: number) {
    super(`no answer from ${address} to ${verb} within ${timeoutMs} ms`, { address, verb, timeoutMs });
  }
}

/** The caller's AbortSignal fired. */
export class AbortedError extends BusError {
  readonly code = 'ABORTED';
  constructor(address: string, verb: string, reason: unknown) {
    super(`${verb} to ${address} was given up by its caller`, { address, verb }, { cause: reason });
  }
}

/** The bus is closing or closed. */
export class BusClosedError extends BusError {
  readonly code = 'BUS_CLOSED';
  constructor(self: string) {
    super(`the bus of ${self} is closed: make a new one`, { self });
  }
}

/** A bound on work in flight is reached: slow down, try again later. */
export class OverloadedError extends BusError {
  readonly code = 'OVERLOADED';
  constructor(what: string, limit: number) {
    super(`at the limit of ${limit} ${what}: wait for some to end, or raise the limit`, { what, limit });
  }
}

/** A message beyond the limits of the bus, or one that cannot be cut because its address is shared by several servers. */
export class MessageTooLargeError extends BusError {
  readonly code = 'MESSAGE_TOO_LARGE';
  constructor(address: string, bytes: number, maxBytes: number) {
    super(`a message of ${bytes} bytes to ${address} exceeds the limit of ${maxBytes}: split it`, {
      address,
      bytes,
      maxBytes,
    });
  }
}

/** A body that does not match its contract, or that cannot be encoded. */
export class InvalidMessageError extends BusError {
  readonly code = 'INVALID_MESSAGE';
  constructor(what: string, details?: Details, options?: ErrorOptions) {
    super(`${what} does not match its contract`, details, options);
  }
}

/** The address is served, the verb is not. */
export class UnknownVerbError extends BusError {
  readonly code = 'UNKNOWN_VERB';
  constructor(address: string, verb: string) {
    super(`${address} does not know the verb ${verb}: is it of another version?`, { address, verb });
  }
}

/** A frame of a protocol version that this process does not speak. */
export class ProtocolMismatchError extends BusError {
  readonly code = 'PROTOCOL_MISMATCH';
  constructor(version: number, spoken: readonly number[]) {
    super(
      `protocol version ${version} is not spoken here, only ${spoken.join(' and ')}: upgrade one version at a time`,
      {
        version,
        spoken: [...spoken],
      },
    );
  }
}

/** Bytes that are no frame. Never crosses the wire: such a frame is counted and dropped. */
export class MalformedFrameError extends BusError {
  readonly code = 'MALFORMED_FRAME';
  constructor(what: string) {
    super(`malformed frame: ${what}`);
  }
}

/** The handler failed by an error without a code; the message stays on the side where it happened. */
export class InternalError extends BusError {
  readonly code = 'INTERNAL';
  constructor(options?: ErrorOptions) {
    super('the other side failed unexpectedly: its log tells why', undefined, options);
  }
}

/** An address or verb that is already served by this bus, or served in another manner. */
export class AlreadyServedError extends BusError {
  readonly code = 'ALREADY_SERVED';
  constructor(address: string, what: string) {
    super(`${address}: ${what}`, { address });
  }
}

/** An address, identity, cluster name, verb or option that cannot be used. */
export class InvalidArgumentError extends BusError {
  readonly code = 'INVALID_ARGUMENT';
}

/** The first connection could not be made. */
export class ConnectFailedError extends BusError {
  readonly code = 'CONNECT_FAILED';
  constructor(servers: string, reason: string, options?: ErrorOptions) {
    super(`cannot connect to NATS at ${servers}: ${reason}`, { servers, reason }, options);
  }
}

/** The server refuses this connection a subject. */
export class NotPermittedError extends BusError {
  readonly code = 'NOT_PERMITTED';
  readonly subject: string;
  constructor(subject: string, operation: string, options?: ErrorOptions) {
    const message = `the NATS server does not permit ${operation} on ${subject}: check the account's permissions`;
    super(message, { subject, operation }, options);
    this.subject = subject;
  }
}

/** A request that the actor behind the address does not take in its present state. */
export class NotAcceptedError extends BusError {
  readonly code = 'NOT_ACCEPTED';
  constructor(address: string, verb: string, state: unknown) {
    super(`${address} does not accept ${verb} while ${JSON.stringify(state)}`, { address, verb, state });
  }
}

/** What the other side answered instead of a reply: its code, message and details. */
export class RemoteError extends BusError {
  readonly code: string;
  constructor(error: WireError) {
    super(error.message, error.details);
    this.code = error.code;
  }
}
