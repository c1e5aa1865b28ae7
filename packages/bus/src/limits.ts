/** The bounds of a bus. At each: a named error, never growth. */
export interface BusLimits {
  /** Requests of this bus that wait for an answer; beyond: `OVERLOADED`. */
  readonly maxPending: number;
  /** Handlers of this bus that run at once; beyond, requests are answered `OVERLOADED`. */
  readonly maxRunning: number;
  /** Bytes that wait to be taken by the network; beyond: `OVERLOADED`. */
  readonly maxBufferedBytes: number;
  /** Messages of one turn are gathered into frames up to this size, so that the other side can begin with the first. */
  readonly maxFrameBytes: number;
  /** The largest message, cut into frames where needed; beyond: `MESSAGE_TOO_LARGE`. */
  readonly maxMessageBytes: number;
  /** Cut messages of one sender under assembly, and senders that have any. */
  readonly maxFragmentSets: number;
  readonly maxFragmentSenders: number;
  /** Bytes of cut messages under assembly, in all. */
  readonly maxFragmentBytes: number;
  /** How long the pieces of one message may take to arrive. */
  readonly fragmentTimeoutMs: number;
  /** How long `close` waits for handlers that run. */
  readonly closeTimeoutMs: number;
  /** Addresses remembered for sending; idle ones are forgotten beyond it. */
  readonly maxLanes: number;
}

export const defaultLimits: BusLimits = Object.freeze({
  maxPending: 16_384,
  maxRunning: 16_384,
  maxBufferedBytes: 64 * 1024 * 1024,
  maxFrameBytes: 64 * 1024,
  maxMessageBytes: 16 * 1024 * 1024,
  maxFragmentSets: 8,
  maxFragmentSenders: 256,
  maxFragmentBytes: 128 * 1024 * 1024,
  fragmentTimeoutMs: 10_000,
  closeTimeoutMs: 2_000,
  maxLanes: 4_096,
});

/** How much more than its body a message may take in frames. */
export const MESSAGE_OVERHEAD_BYTES = 1024;

/** What a bus counted since its start; `pending`, `running` and `lanes` are gauges. */
export interface BusStats {
  readonly pending: number;
  readonly running: number;
  readonly lanes: number;
  readonly framesOut: number;
  readonly framesIn: number;
  readonly messagesOut: number;
  readonly messagesIn: number;
  readonly bytesOut: number;
  readonly bytesIn: number;
  /** Requests and events handled in-process. */
  readonly local: number;
  /** Frames that were no frames, and messages that fit nowhere; dropped. */
  readonly malformed: number;
  /** Frames of an unknown protocol version. */
  readonly mismatched: number;
  /** Events and replies that were dropped for want of a connection. */
  readonly dropped: number;
  /** Answers that came after their request had ended. */
  readonly late: number;
  /** Cut messages that never became whole. */
  readonly abandoned: number;
}

export type Counters = {
  -readonly [K in Exclude<keyof BusStats, 'pending' | 'running' | 'lanes' | 'abandoned'>]: number;
};

export function zeroCounters(): Counters {
  return {
    framesOut: 0,
    framesIn: 0,
    messagesOut: 0,
    messagesIn: 0,
    bytesOut: 0,
    bytesIn: 0,
    local: 0,
    malformed: 0,
    mismatched: 0,
    dropped: 0,
    late: 0,
  };
}
