/** What a transport hands over for one message. Read it before the callback returns. */
export interface TransportMessage {
  readonly payload: Uint8Array;
  /** The whole subject that it was sent to. */
  readonly subject: string;
  /** The reply subject that its sender gave. */
  readonly reply: string | undefined;
  /** Not a message: the network tells that nobody subscribes to what was published with this subject as its reply subject. */
  readonly noResponders: boolean;
}

export type TransportStatus = 'connecting' | 'connected' | 'disconnected' | 'closed';

export interface TransportSubscription {
  /** Stops at once. */
  unsubscribe(): void;
  /** Stops new messages, hands over those on their way, then resolves. */
  drain(): Promise<void>;
}

/**
 * Moves bytes between subjects, at most once, unordered between senders. A connection never receives what it published itself.
 * Subscriptions may be made at any time and outlive reconnects.
 */
export interface Transport {
  readonly status: TransportStatus;
  /** The largest payload at present; may change with a reconnect. */
  readonly maxPayload: number;
  /** Bytes that were published and have not been taken by the network yet, as far as it can be told. */
  readonly bufferedBytes: number;
  /** Told of every change of `status`. */
  onStatus(listener: (status: TransportStatus) => void): void;
  /** Told of what goes wrong beside the messages: refused subjects, connection errors. */
  onError(listener: (error: Error) => void): void;
  /** Sends and forgets. With `reply`, the absence of subscribers is told there. Throws when not connected or beyond `maxPayload`. */
  publish(subject: string, payload: Uint8Array, reply?: string): void;
  /** With `queue`, one subscriber of that name gets each message. A last token `*` stands for any one token. */
  subscribe(
    subject: string,
    queue: string | undefined,
    onMessage: (message: TransportMessage) => void,
  ): TransportSubscription;
  /** Resolves when the network has taken every subscription and payload so far; rejects when the connection breaks first. */
  flush(): Promise<void>;
  /** Hands everything published to the network, then leaves. Idempotent. */
  close(): Promise<void>;
}
