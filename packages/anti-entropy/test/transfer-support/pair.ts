import { type CountedBus, memoryBus } from '@ringfort/bus';
import type { DiskHook } from '@ringfort/storage';
import {
  type FaultyNetwork,
  faultyNetwork,
  type SeededRandom,
  seededRandom,
  type VirtualClock,
  virtualClock,
} from '@ringfort/testkit';
import { createTransfers, type TransferLimits, type Transfers } from '../../src/index.ts';
import type { TransferFrame, TransferNextRequest } from '../../src/transfer-contract.ts';
import { CrashableDisk } from './crashable-store.ts';
import { idOf, objectOf, partition } from './objects.ts';

export interface PairOptions {
  readonly seed?: number;
  readonly limits?: Partial<TransferLimits>;
  readonly foregroundP99Ms?: () => number | undefined;
  readonly sourceDisk?: DiskHook;
  readonly targetDisk?: DiskHook;
  readonly maySend?: () => boolean;
  /** How long a sync of the target's disk takes. */
  readonly syncMs?: readonly [min: number, max: number];
}

/** A node that can be killed and started again over the same disk. */
export interface TestNode {
  readonly name: string;
  readonly disk: CrashableDisk;
  bus: CountedBus;
  transfers: Transfers;
  kill(): void;
  start(): Promise<void>;
}

export interface SentFrame {
  readonly frame: TransferFrame;
  readonly request: TransferNextRequest;
}

/** A source and a target on one faulty network, on virtual time. */
export interface Pair {
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  readonly faulty: FaultyNetwork;
  readonly source: TestNode;
  readonly target: TestNode;
  readonly faults: unknown[];
  /** Every frame that a source has sent, whether it arrived or not, and what it was asked for by. */
  readonly sent: SentFrame[];
  onSent: (sent: SentFrame) => void;
  /** What becomes of a frame between the source and its bus. */
  tamper: (frame: TransferFrame) => TransferFrame;
}

export async function startPair(options: PairOptions = {}): Promise<Pair> {
  const clock = virtualClock();
  const random = seededRandom(options.seed ?? 1);
  const faulty = faultyNetwork({ clock, random: random.fork(), faults: { delayMs: [1, 3] } });
  const faults: unknown[] = [];
  const sent: SentFrame[] = [];
  const note = (one: SentFrame) => {
    sent.push(one);
    pair.onSent(one);
    return pair.tamper(one.frame);
  };
  const node = async (name: string, hook?: DiskHook): Promise<TestNode> => {
    const disk = new CrashableDisk(`store-of-${name}`, clock, random.fork(), hook);
    const started = {
      name,
      disk,
      kill() {
        faulty.network.disconnect(`node.${name}`);
        disk.crash();
      },
      async start() {
        const store = await disk.open();
        started.bus = watched(memoryBus({ network: faulty.network, cluster: 'test', self: `node.${name}` }), note);
        started.transfers = createTransfers({
          bus: started.bus,
          nodeId: name,
          store,
          clock,
          random: random.fork(),
          ...(options.limits === undefined ? {} : { limits: options.limits }),
          ...(options.foregroundP99Ms === undefined ? {} : { foregroundP99Ms: options.foregroundP99Ms }),
          ...(options.maySend === undefined ? {} : { maySend: options.maySend }),
          onFault: (fault) => faults.push(fault),
        });
      },
    } as TestNode;
    await started.start();
    return started;
  };
  const pair: Pair = {
    clock,
    random,
    faulty,
    source: await node('n1', options.sourceDisk),
    target: await node('n2', options.targetDisk),
    faults,
    sent,
    onSent: () => undefined,
    tamper: (frame) => frame,
  };
  pair.target.disk.syncMs = options.syncMs ?? [0, 0];
  return pair;
}

/** Notes the frames that its server answers with. */
function watched(bus: CountedBus, note: (sent: SentFrame) => TransferFrame): CountedBus {
  const answer: CountedBus['answer'] = (address, contract, answerer, options) =>
    bus.answer(
      address,
      contract,
      (body, inbound, done) =>
        answerer(body, inbound, (error, reply) => {
          const frame = (reply as { readonly frame?: TransferFrame } | undefined)?.frame;
          if (frame === undefined) return done(error, reply);
          const passed = note({ frame, request: body as TransferNextRequest });
          done(error, { ...reply, frame: passed } as typeof reply);
        }),
      options,
    );
  return new Proxy(bus, {
    get(target, name) {
      if (name === 'answer') return answer;
      const value = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** Fills the partition, durably. Answers how many bytes its objects have. */
export async function fill(
  { disk }: TestNode,
  records: number,
  size = 1000,
  actor = 'a-1',
  at = partition,
): Promise<number> {
  let bytes = 0;
  for (let index = 0; index < records; index += 1) {
    const object = objectOf(actor, index + 1, size);
    bytes += object.length;
    await disk.store.write({ ...idOf(keyOf(index)), partition: at }, object, { sync: false });
  }
  disk.keep();
  return bytes;
}

export const keyOf = (index: number): string => `key-${String(index).padStart(6, '0')}`;

/** All records of the partition, by key. */
export function contentOf({ disk }: TestNode): Map<string, string> {
  const { items } = disk.store.fold({ partition }, { maxItems: 1_000_000, maxBytes: 1 << 30 });
  return new Map(items.map(({ id, record }) => [`${id.bucket}/${id.key}`, record?.digest ?? 'corrupt']));
}
