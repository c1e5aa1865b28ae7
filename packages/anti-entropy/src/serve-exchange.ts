import { type Bus, type Clock, type Inbound, systemClock } from '@ringfort/bus';
import type {
  LeavesReply,
  LeavesRequest,
  ObjectsReply,
  ObjectsRequest,
  RecordsReply,
  RecordsRequest,
  RootsReply,
  RootsRequest,
} from './contract.ts';
import * as contract from './contract.ts';
import { compareNames, difference } from './diff-core.ts';
import { BarrierMismatchError, NotSharedError } from './errors.ts';
import { type AntiEntropyLimits, defaultLimits } from './limits.ts';
import { listRange, Room } from './list-range.ts';
import { branchesOf, differing, leavesOfBranch, packLeaves } from './merkle-core.ts';
import type { OpenReplica, RecordName, Replica } from './port.ts';

export interface ServeExchangeOptions {
  readonly bus: Bus;
  /** This node's id. */
  readonly node: string;
  readonly open: OpenReplica;
  /** Whether this side has begun an exchange of the same by itself: then the other one need not. */
  readonly isBusy?: (partition: number, peer: string) => boolean;
  /** Throws where nothing is to be answered. */
  readonly check?: () => void;
  readonly clock?: Clock;
  readonly limits?: Partial<AntiEntropyLimits>;
}

/** Answers exchanges that others begin, on `node.<id>.anti-entropy`. Nothing is remembered from one message to the next. */
export function serveExchange(options: ServeExchangeOptions): { close(): void } {
  const { bus, node, check = () => {} } = options;
  const address = contract.antiEntropyAddress(node);
  const side = new AnsweringSide(options);
  const checked =
    <Q, R>(answer: (request: Q, inbound: Inbound) => R) =>
    (request: Q, inbound: Inbound): R => {
      check();
      return answer(request, inbound);
    };
  const served = [
    bus.serve(
      address,
      contract.roots,
      checked((request, inbound) => side.roots(request, inbound)),
    ),
    bus.serve(
      address,
      contract.leaves,
      checked((request, inbound) => side.leaves(request, inbound)),
    ),
    bus.serve(
      address,
      contract.records,
      checked((request, inbound) => side.records(request, inbound)),
    ),
    bus.serve(
      address,
      contract.objects,
      checked((request, inbound) => side.objects(request, inbound)),
    ),
  ];
  return {
    close() {
      for (const one of served) one.unsubscribe();
    },
  };
}

class AnsweringSide {
  readonly #open: OpenReplica;
  readonly #isBusy: (partition: number, peer: string) => boolean;
  readonly #clock: Clock;
  readonly #limits: AntiEntropyLimits;

  constructor({ open, isBusy = () => false, clock = systemClock, limits }: ServeExchangeOptions) {
    this.#open = open;
    this.#isBusy = isBusy;
    this.#clock = clock;
    this.#limits = { ...defaultLimits, ...limits };
  }

  roots({ partitions }: RootsRequest, inbound: Inbound): RootsReply {
    const peer = peerOf(inbound);
    const differing: number[] = [];
    const refused: { index: number; code: string }[] = [];
    for (const [index, { partition, barrier, root }] of partitions.entries()) {
      const replica = this.#open(partition, peer);
      if (replica === undefined) refused.push({ index, code: 'NOT_SHARED' });
      else if (barrier < replica.floor) refused.push({ index, code: 'BARRIER_MISMATCH' });
      else if (this.#isBusy(partition, peer)) refused.push({ index, code: 'EXCHANGE_BUSY' });
      else if (replica.root() !== root) differing.push(index);
    }
    return { differing, refused };
  }

  leaves(request: LeavesRequest, inbound: Inbound): LeavesReply {
    const own = packLeaves(this.#replica(request.partition, inbound).leaves());
    const others = differing(branchesOf(own), request.branches);
    return { branches: others.map((branch) => ({ branch, leaves: leavesOfBranch(own, branch) })) };
  }

  async records(request: RecordsRequest, inbound: Inbound): Promise<RecordsReply> {
    const replica = this.#replica(request.partition, inbound);
    const { after, until } = request;
    // The answer has to arrive in time.
    const untilMs = this.#clock.monotonicMs() + inbound.timeoutMs / 2;
    const pace = { clock: this.#clock, limits: this.#limits, untilMs };
    const own = await listRange(replica, { leaves: new Set(request.leaves), after, until }, pace);
    const { wants, offers } = difference(request.records, own.items, own.through);
    const shared = wants.filter((index) => replica.shares(request.records[index]!.bucket));
    // A list that is full may end where the range does.
    const through = own.through !== undefined && isBefore(own.through, until) ? own.through : undefined;
    return { wants: shared, offers: [...offers], ...(through && { through }) };
  }

  async objects({ partition, objects, wants }: ObjectsRequest, inbound: Inbound): Promise<ObjectsReply> {
    const replica = this.#replica(partition, inbound);
    const taken = objects.map(({ bucket, key, object }) =>
      replica.shares(bucket) ? replica.write({ bucket, key }, object) : undefined,
    );
    const reply: ObjectsReply = { objects: [], left: [], served: 0 };
    const room = new Room(this.#limits);
    for (const [index, written] of (await Promise.all(taken)).entries()) {
      const { bucket, key } = objects[index]!;
      if (written?.merged === undefined) continue;
      if (room.takes({ bucket, key }, written.merged)) reply.objects.push({ bucket, key, object: written.merged });
      else reply.left.push(index);
    }
    for (const { bucket, key } of wants) {
      const held = replica.shares(bucket) ? replica.read({ bucket, key }) : undefined;
      if (held !== undefined && !room.takes({ bucket, key }, held.bytes)) break;
      if (held !== undefined) reply.objects.push({ bucket, key, object: held.bytes });
      reply.served += 1;
    }
    return reply;
  }

  /** @throws NOT_SHARED, BARRIER_MISMATCH */
  #replica(partition: number, inbound: Inbound): Replica {
    const peer = peerOf(inbound);
    const replica = this.#open(partition, peer);
    if (replica === undefined) throw new NotSharedError(partition, peer);
    if (inbound.barrier < replica.floor) throw new BarrierMismatchError(partition, inbound.barrier, replica.floor);
    return replica;
  }
}

/** `node.n2` is the identity of node n2. */
const peerOf = ({ from }: Inbound): string => from.replace(/^node\./, '');

const isBefore = (name: RecordName, end: RecordName | undefined): boolean =>
  end === undefined || compareNames(name, end) < 0;
