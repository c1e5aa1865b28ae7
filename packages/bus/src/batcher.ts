import type { PackedBody } from './body-codec.ts';
import { PROTOCOL_VERSION } from './contract.ts';
import { splitFrame } from './fragment-core.ts';
import { FrameWriter, MessageKind } from './frame-core.ts';
import type { BusLimits, Counters } from './limits.ts';
import type { Schedule } from './system-clock.ts';
import type { Transport } from './transport.ts';

/** Messages to one subject, gathered during a turn of the event loop. */
export class Lane {
  readonly address: string;
  readonly subject: string;
  /** Where the network tells that nobody subscribes, when the frame holds a request; each frame adds the range of its ids. */
  readonly reply: string | undefined;
  readonly writer: FrameWriter;
  /** Ids of the first and the last request gathered; 0: none. */
  firstId = 0;
  lastId = 0;
  queued = false;

  constructor(address: string, subject: string, reply: string | undefined, writer: FrameWriter) {
    this.address = address;
    this.subject = subject;
    this.reply = reply;
    this.writer = writer;
  }
}

/** The requests of one frame. */
export interface SentRange {
  readonly address: string;
  readonly firstId: number;
  readonly lastId: number;
}

export interface BatcherOptions {
  readonly transport: Transport;
  readonly schedule: Schedule;
  /** Begins every subject: `ringfort.<cluster>.`. */
  readonly prefix: string;
  readonly self: string;
  readonly counters: Counters;
  readonly limits: Pick<BusLimits, 'maxLanes' | 'maxFrameBytes'>;
  /** Told of a frame that could not be sent; `address` is told when requests were in it. */
  readonly onSendFailed: (error: unknown, address: string | undefined) => void;
}

/** Gathers the messages of one turn: those to one subject leave as one frame, or as several of `maxFrameBytes`. */
export class Batcher {
  readonly #options: BatcherOptions;
  readonly #lanes = new Map<string, Lane>();
  /** Of answers, by peer; those in an older version by peer and version. */
  readonly #lanesBack = new Map<string, Lane>();
  readonly #byToken = new Map<string, Lane>();
  #dirty: Lane[] = [];
  #nextToken = 1;
  #nextSet = 0;
  #scheduled = false;
  /** Bytes gathered and not yet sent. */
  bytes = 0;

  constructor(options: BatcherOptions) {
    this.#options = options;
  }

  get lanes(): number {
    return this.#lanes.size + this.#lanesBack.size;
  }

  /** The lane to an address that was sent to before. */
  knownLane(address: string): Lane | undefined {
    return this.#lanes.get(address);
  }

  /** The lane of requests and events to an address. */
  laneTo(address: string): Lane {
    const known = this.#lanes.get(address);
    if (known !== undefined) return known;
    const { prefix, self } = this.#options;
    const token = String(this.#nextToken++);
    const writer = new FrameWriter(PROTOCOL_VERSION, self);
    const lane = new Lane(address, prefix + address, `${prefix}${self}.replies.${token}`, writer);
    this.#remember(this.#lanes, address, lane);
    this.#byToken.set(token, lane);
    return lane;
  }

  /** The lane of answers to a peer, in the protocol version that it speaks. */
  laneBackTo(peer: string, version: number): Lane {
    const key = version === PROTOCOL_VERSION ? peer : `${peer} ${version}`;
    const known = this.#lanesBack.get(key);
    if (known !== undefined) return known;
    const { prefix, self } = this.#options;
    const lane = new Lane(peer, `${prefix}${peer}.replies.0`, undefined, new FrameWriter(version, self));
    this.#remember(this.#lanesBack, key, lane);
    return lane;
  }

  /** The requests whose frame carried this reply subject. */
  requestsOf(replySubject: string): SentRange | undefined {
    const [token, first, last] = replySubject.slice(replySubject.lastIndexOf('.') + 1).split('-');
    const lane = this.#byToken.get(token!);
    if (lane === undefined || first === undefined || last === undefined) return undefined;
    return { address: lane.address, firstId: Number(first), lastId: Number(last) };
  }

  add(
    lane: Lane,
    kind: MessageKind,
    id: number,
    verb: Buffer,
    barrier: number,
    timeoutMs: number,
    body: PackedBody,
  ): void {
    const { writer } = lane;
    const bytes = writer.sizeOf(kind, verb, body.length);
    const { limits, transport } = this.#options;
    const { maxPayload } = transport;
    if (writer.count > 0 && writer.bytes + bytes > Math.min(maxPayload, limits.maxFrameBytes)) this.#send(lane);
    if (!lane.queued) {
      lane.queued = true;
      this.#dirty.push(lane);
    }
    if (kind === MessageKind.request) {
      if (lane.firstId === 0) lane.firstId = id;
      lane.lastId = id;
    }
    writer.append(kind, id, verb, barrier, timeoutMs, body.bytes, body.length);
    this.bytes += bytes;
    this.#options.counters.messagesOut++;
    if (writer.bytes > maxPayload) this.#sendCut(lane, kind, id, maxPayload);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#options.schedule(this.#onTurnEnd);
  }

  /** Sends what was gathered, now. */
  flush(): void {
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const lane of dirty) {
      lane.queued = false;
      if (lane.writer.count > 0) this.#send(lane);
    }
    this.bytes = 0;
  }

  /** Forgets what was gathered; returns how many messages that were. */
  drop(): number {
    let messages = 0;
    for (const lane of this.#dirty) {
      messages += lane.writer.count;
      lane.writer.drop();
      lane.queued = false;
      lane.firstId = 0;
    }
    this.#dirty = [];
    this.bytes = 0;
    return messages;
  }

  readonly #onTurnEnd = (): void => {
    this.#scheduled = false;
    this.flush();
  };

  #send(lane: Lane): void {
    this.#publish(lane, lane.writer.take());
    lane.firstId = 0;
  }

  #sendCut(lane: Lane, kind: MessageKind, id: number, maxPayload: number): void {
    const { self, onSendFailed } = this.#options;
    this.#nextSet = (this.#nextSet + 1) >>> 0;
    const message = { version: lane.writer.version, from: self, kind, id, set: this.#nextSet };
    try {
      for (const fragment of splitFrame(lane.writer.take(), message, maxPayload)) this.#publish(lane, fragment);
    } catch (error) {
      onSendFailed(error, lane.firstId > 0 ? lane.address : undefined);
    }
    lane.firstId = 0;
  }

  #publish(lane: Lane, frame: Buffer): void {
    const { transport, counters, onSendFailed } = this.#options;
    try {
      transport.publish(
        lane.subject,
        frame,
        lane.firstId > 0 ? `${lane.reply}-${lane.firstId}-${lane.lastId}` : undefined,
      );
      counters.framesOut++;
      counters.bytesOut += frame.length;
    } catch (error) {
      onSendFailed(error, lane.firstId > 0 ? lane.address : undefined);
    }
  }

  #remember(lanes: Map<string, Lane>, key: string, lane: Lane): void {
    if (this.lanes >= this.#options.limits.maxLanes) {
      this.#forgetIdle(this.#lanes);
      this.#forgetIdle(this.#lanesBack);
    }
    lanes.set(key, lane);
  }

  /** Forgets the longer known half of these lanes, but none with messages waiting. Their tokens are forgotten with them. */
  #forgetIdle(lanes: Map<string, Lane>): void {
    let excess = lanes.size >> 1;
    for (const [key, lane] of lanes) {
      if (excess-- <= 0) return;
      if (lane.queued) continue;
      lanes.delete(key);
      if (lane.reply !== undefined) this.#byToken.delete(lane.reply.slice(lane.reply.lastIndexOf('.') + 1));
    }
  }
}
