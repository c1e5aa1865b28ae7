type Details = Record<string, unknown>;

/** What all failures of this package share: a stable `code`, plain `details` that may cross the bus. */
export abstract class AntiEntropyError extends Error {
  abstract readonly code: string;
  readonly details?: Details | undefined;
  constructor(message: string, details?: Details, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.details = details;
  }
}

/** The two nodes are not both replicas of the partition, as the one that was asked knows the ring. */
export class NotSharedError extends AntiEntropyError {
  readonly code = 'NOT_SHARED';
  constructor(partition: number, peer: string) {
    super(`partition ${partition} is not shared with ${peer}: compare rings, and ask again`, { partition, peer });
  }
}

/** The asking node has not taken part in a collection that may be complete: it adopts the barrier first. */
export class BarrierMismatchError extends AntiEntropyError {
  readonly code = 'BARRIER_MISMATCH';
  constructor(partition: number, sent: number, held: number) {
    super(`partition ${partition} has barrier ${held} here, ${sent} was sent: exchange again when both agree`, {
      partition,
      sent,
      held,
    });
  }
}

/** A step of an exchange took longer than it may. */
export class ExchangeTimedOutError extends AntiEntropyError {
  readonly code = 'EXCHANGE_TIMED_OUT';
  constructor(partition: number, peer: string, step: string) {
    super(
      `the exchange of partition ${partition} with ${peer} was given up while ${step}: it begins anew with the next round`,
      {
        partition,
        peer,
        step,
      },
    );
  }
}

/** One object fits into no message; the others go on. */
export class ObjectTooLargeError extends AntiEntropyError {
  readonly code = 'OBJECT_TOO_LARGE';
  constructor(partition: number, bucket: string, key: string, options?: ErrorOptions) {
    super(
      `${bucket}/${key} is too large for a message, so replicas of it stay unequal: resolve its siblings with a put`,
      { partition, bucket, key },
      options,
    );
  }
}

/** The other side's answer leads nowhere. */
export class InvalidAnswerError extends AntiEntropyError {
  readonly code = 'INVALID_ANSWER';
  constructor(partition: number, peer: string, what: string) {
    super(`${peer} answered the exchange of partition ${partition} with ${what}: compare the versions of both nodes`, {
      partition,
      peer,
    });
  }
}
