import type { Contract } from '@ringfort/bus';
import * as coordinator from '@ringfort/coordinator/contract';
import * as membership from '@ringfort/membership/contract';
import * as storage from '@ringfort/storage/contract';
// What travels is read with the parts that the bus itself reads it with: it exports none of them.
import { codecsOf, unpackError } from '../../bus/src/body-codec.ts';
import {
  asBuffer,
  type FrameHeader,
  FrameKind,
  type FrameMessage,
  MessageKind,
  readHeader,
  readMessages,
} from '../../bus/src/frame-core.ts';
import type { SeenMessage } from './event-log.ts';
import type { CarriedFrame } from './sim-network.ts';

const contracts = new Map<string, Contract>(
  [coordinator, membership, storage]
    .flatMap((exported) => Object.values(exported) as unknown[])
    .flatMap((one) => (isContract(one) ? [[one.verb, one] as const] : [])),
);

/** Requests that wait for an answer, over all processes; the eldest are forgotten beyond it. */
const MAX_ASKED = 65_536;

interface Asked {
  readonly verb: string;
  readonly body: unknown;
}

/** Reads what goes over the network, and matches answers with requests. */
export class WireTap {
  readonly #onMessage: (message: SeenMessage) => void;
  readonly #asked = new Map<string, Asked>();

  constructor(onMessage: (message: SeenMessage) => void) {
    this.#onMessage = onMessage;
  }

  /** A watcher for the network. */
  readonly watch = (frame: CarriedFrame): (() => void) => {
    const seen = this.#read(frame);
    for (const message of seen) this.#onMessage(message);
    return () => {
      for (const message of seen) message.missed += 1;
    };
  };

  #read({ from, to, subject, payload, delaysMs }: CarriedFrame): SeenMessage[] {
    const bytes = asBuffer(payload);
    const header = readHeader(bytes);
    const ends = { from: shortName(from), to: to === undefined ? meantBy(subject) : shortName(to), delaysMs };
    // A cut message is left out: values in a simulation are small.
    if (header.kind !== FrameKind.messages) return [];
    return readMessages(bytes, header).map((message) => ({
      ...ends,
      ...this.#content(bytes, header, message, ends),
      missed: 0,
    }));
  }

  #content(
    bytes: Buffer,
    { version }: FrameHeader,
    { kind, id, verb, start, end }: FrameMessage,
    { from, to }: { from: string; to: string | undefined },
  ): Pick<SeenMessage, 'kind' | 'verb' | 'body' | 'asked'> {
    if (kind === MessageKind.request || kind === MessageKind.event) {
      const contract = contracts.get(verb);
      const body = contract && codecsOf(contract).request.read('a request', verb, version, bytes, start, end);
      if (kind === MessageKind.request) this.#remember(`${from} ${id}`, { verb, body });
      return { kind: kind === MessageKind.request ? 'request' : 'event', verb, body, asked: undefined };
    }
    const asked = this.#asked.get(`${to} ${id}`) ?? { verb: '?', body: undefined };
    const common = { verb: asked.verb, asked: asked.body };
    if (kind === MessageKind.error) return { ...common, kind: 'error', body: unpackError(bytes, start, end) };
    const contract = contracts.get(asked.verb);
    const body = contract && codecsOf(contract).reply.read('a reply', asked.verb, version, bytes, start, end);
    return { ...common, kind: 'reply', body };
  }

  #remember(name: string, asked: Asked): void {
    this.#asked.set(name, asked);
    if (this.#asked.size <= MAX_ASKED) return;
    for (const eldest of this.#asked.keys()) {
      this.#asked.delete(eldest);
      return;
    }
  }
}

function isContract(one: unknown): one is Contract {
  return typeof one === 'object' && one !== null && 'verb' in one && 'request' in one && 'reply' in one;
}

/** `n1` of `node.n1`. */
export function shortName(identity: string): string {
  return identity.slice(identity.indexOf('.') + 1);
}

/** The process that a subject belongs to. */
function meantBy(subject: string): string | undefined {
  return /\.(?:node|client)\.([^.]+)/.exec(subject)?.[1];
}
