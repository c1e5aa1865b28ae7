type Details = Record<string, unknown>;

/** What all failures of transfers share: a stable `code`, plain `details` that may cross the bus, the `cause` kept. */
export abstract class TransferError extends Error {
  abstract readonly code: string;
  readonly details: Details;
  constructor(message: string, details: Details, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.details = details;
  }
}

/** A partition comes to a node by one transfer at a time. */
export class TransferExistsError extends TransferError {
  readonly code = 'TRANSFER_EXISTS';
  constructor(partition: number, target: string, source: string) {
    super(
      `partition ${partition} is on its way from ${source} to ${target} already: await that transfer, or abort it`,
      {
        partition,
        target,
        source,
      },
    );
  }
}

/** As many transfers as allowed are under way at this node. */
export class TransfersBusyError extends TransferError {
  readonly code = 'TRANSFERS_BUSY';
  constructor(node: string, direction: 'receives' | 'sends', limit: number) {
    super(`${node} ${direction} ${limit} partitions already: start this one when another has ended`, {
      node,
      direction,
      limit,
    });
  }
}

/** The sender does not serve this partition: it does not own it, or is still being filled itself. */
export class TransferRefusedError extends TransferError {
  readonly code = 'TRANSFER_REFUSED';
  constructor(node: string, partition: number, target: string) {
    super(`${node} does not hand out partition ${partition} to ${target}: ask one of its owners`, {
      node,
      partition,
      target,
    });
  }
}

/** The sender knows nothing of this stream: it was restarted, or the receiver was silent for too long. */
export class TransferUnknownError extends TransferError {
  readonly code = 'TRANSFER_UNKNOWN';
  constructor(node: string, partition: number) {
    super(`${node} has no stream of partition ${partition} open for the asker: open one`, { node, partition });
  }
}

/** The message belongs to an attempt that a later one has replaced. */
export class TransferSupersededError extends TransferError {
  readonly code = 'TRANSFER_SUPERSEDED';
  constructor(partition: number, attempt: number, current: number) {
    super(`attempt ${attempt} to transfer partition ${partition} was replaced by attempt ${current}`, {
      partition,
      attempt,
      current,
    });
  }
}

/** The receiver asks for more frames than may be in flight. */
export class TransferCreditExceededError extends TransferError {
  readonly code = 'TRANSFER_CREDIT_EXCEEDED';
  constructor(partition: number, seq: number, highest: number) {
    super(`frame ${seq} of partition ${partition} was asked for, ${highest} is the highest yet: acknowledge first`, {
      partition,
      seq,
      highest,
    });
  }
}

/** The frame was sent in this attempt before, and is kept no longer. */
export class TransferFrameGoneError extends TransferError {
  readonly code = 'TRANSFER_FRAME_GONE';
  constructor(partition: number, seq: number) {
    super(`frame ${seq} of partition ${partition} was sent before: open the stream again where it was acknowledged`, {
      partition,
      seq,
    });
  }
}

/** A frame is not what the sender made it. */
export class TransferFrameCorruptError extends TransferError {
  readonly code = 'TRANSFER_FRAME_CORRUPT';
  constructor(partition: number, seq: number) {
    super(`frame ${seq} of partition ${partition} does not match its checksum: it is read and sent again`, {
      partition,
      seq,
    });
  }
}

/** Tombstones of the partition were collected since the stream was opened, or the sender has not heard of it: the stream starts over. */
export class TransferBarrierMovedError extends TransferError {
  readonly code = 'TRANSFER_BARRIER_MOVED';
  constructor(partition: number, sent: number, expected: number) {
    super(`what was sent of partition ${partition} is of barrier ${sent}, not ${expected}: it is read again`, {
      partition,
      sent,
      expected,
    });
  }
}

/** The transfer has failed so often in a row that it gives up. What was merged stays, and so does the place where it was. */
export class TransferStalledError extends TransferError {
  readonly code = 'TRANSFER_STALLED';
  constructor(partition: number, source: string, failures: number, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(
      `partition ${partition} did not come from ${source} (${failures} failures in a row, the last one: ${reason}): see to ${source}, then start the transfer again, it goes on where it was`,
      { partition, source, failures, reason: codeOf(cause) },
      { cause },
    );
  }
}

/** Somebody ended the transfer. */
export class TransferAbortedError extends TransferError {
  readonly code = 'TRANSFER_ABORTED';
  constructor(partition: number, source: string) {
    super(`the transfer of partition ${partition} from ${source} was aborted: start it again, from the beginning`, {
      partition,
      source,
    });
  }
}

/** The node stops. Its transfers go on where they were when they are started again. */
export class TransfersClosedError extends TransferError {
  readonly code = 'TRANSFERS_CLOSED';
  constructor(node: string) {
    super(`${node} takes and sends no partitions any more: it is stopping`, { node });
  }
}

/** A request, a limit or a kept state that makes no sense. */
export class InvalidTransferError extends TransferError {
  readonly code = 'TRANSFER_INVALID';
}

/** The stable code of any error. */
export function codeOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' ? code : 'INTERNAL';
}
