import type { Bus, Clock, Contract } from '@ringfort/bus';
import * as contract from './contract.ts';
import { compareNames } from './diff-core.ts';
import { InvalidAnswerError, ObjectTooLargeError } from './errors.ts';
import type { AntiEntropyLimits } from './limits.ts';
import { listRange, Room } from './list-range.ts';
import { branchesOf, differing, leavesOfBranch, leavesPerBranch, packLeaves } from './merkle-core.ts';
import type { RecordName, Replica } from './port.ts';

/** What of a page is still to be moved, and how. */
export interface Page {
  /** Records that the other side lacks, or holds otherwise. */
  readonly toSend: readonly RecordName[];
  /** Records that this side lacks. */
  readonly toFetch: readonly RecordName[];
  /** One object per message: the two together did not fit into one. */
  readonly alone: boolean;
}

/** What a list came to. */
export interface Listed {
  readonly page: Page;
  /** Where the next list begins; absent: this was the last one. */
  readonly next: RecordName | undefined;
}

/** What one message moved. */
export interface Moved {
  readonly page: Page;
  readonly sent: number;
  /** Records that are others here than before. */
  readonly received: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

/** What the steps of one exchange work on. */
export interface ExchangeParts {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly peer: string;
  readonly partition: number;
  readonly replica: Replica;
  readonly limits: AntiEntropyLimits;
  /** Told of what holds up one record, not the exchange. */
  readonly onFault: (fault: Error) => void;
}

/** The steps of an exchange, each one request to the other side at most (and a look at this one): the machine says in which order. */
export class ExchangeSteps {
  readonly #parts: ExchangeParts;

  constructor(parts: ExchangeParts) {
    this.#parts = parts;
  }

  /** The leaves that differ. */
  async compareLeaves(): Promise<readonly number[]> {
    const { partition, replica } = this.#parts;
    const own = packLeaves(replica.leaves());
    const reply = await this.#ask(contract.leaves, { partition, branches: branchesOf(own) });
    return reply.branches.flatMap(({ branch, leaves }) =>
      differing(leavesOfBranch(own, branch), leaves).map((leaf) => branch * leavesPerBranch + leaf),
    );
  }

  /** Which records on these leaves differ, as far as one list goes. */
  async listRecords(leaves: readonly number[], after: RecordName | undefined): Promise<Listed> {
    const { partition, peer, replica, clock, limits } = this.#parts;
    const untilMs = clock.monotonicMs() + limits.timeoutMs / 2;
    const own = await listRange(replica, { leaves: new Set(leaves), after }, { clock, limits, untilMs });
    const until = own.through;
    const reply = await this.#ask(contract.records, {
      partition,
      leaves: [...leaves],
      records: [...own.items],
      ...(after && { after }),
      ...(until && { until }),
    });
    const toSend = reply.wants.flatMap((index) => own.items[index] ?? []);
    const toFetch = reply.offers.filter(({ bucket }) => replica.shares(bucket));
    const next = reply.through ?? until;
    if (next !== undefined && after !== undefined && compareNames(next, after) <= 0)
      throw new InvalidAnswerError(partition, peer, 'the list that it was shown before');
    return { page: { toSend, toFetch, alone: false }, next };
  }

  /** Moves as much of a page as one message takes, and merges what comes back. */
  async moveObjects(page: Page): Promise<Moved> {
    const { partition, peer } = this.#parts;
    const { objects, bytes, looked } = this.#load(page);
    const rest = page.toSend.slice(looked);
    const wants = page.toFetch.slice(0, this.#wanted(page, objects.length));
    const nothing = { sent: 0, received: 0, bytesSent: 0, bytesReceived: 0 };
    if (objects.length + wants.length === 0) return { ...nothing, page: { ...page, toSend: rest } };
    try {
      const reply = await this.#ask(contract.objects, { partition, objects, wants });
      if (objects.length === 0 && reply.served === 0)
        throw new InvalidAnswerError(partition, peer, 'nothing of what it had offered');
      const received = await this.#merge(reply.objects);
      const left = reply.left.flatMap((index) => objects[index] ?? []).map(({ bucket, key }) => ({ bucket, key }));
      const toFetch = [...page.toFetch.slice(reply.served), ...left];
      const bytesReceived = reply.objects.reduce((sum, { object }) => sum + object.length, 0);
      const next = { toSend: rest, toFetch, alone: page.alone };
      return { page: next, sent: objects.length, received, bytesSent: bytes, bytesReceived };
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'MESSAGE_TOO_LARGE') throw error;
      if (objects.length + wants.length > 1) return { ...nothing, page: { ...page, alone: true } };
      const [{ bucket, key }] = [...objects, ...wants] as [RecordName];
      this.#parts.onFault(new ObjectTooLargeError(partition, bucket, key, { cause: error }));
      return { ...nothing, page: { ...page, toSend: rest, toFetch: page.toFetch.slice(wants.length) } };
    }
  }

  /** Reads what is to be sent, as it is now, until the message is full. */
  #load({ toSend, alone }: Page) {
    const { replica, limits } = this.#parts;
    const objects: { bucket: string; key: string; object: Uint8Array }[] = [];
    const room = new Room(alone ? { ...limits, maxFrameItems: 1 } : limits);
    let bytes = 0;
    let looked = 0;
    for (const { bucket, key } of toSend) {
      const held = replica.read({ bucket, key });
      if (held !== undefined && !room.takes({ bucket, key }, held.bytes)) break;
      looked += 1;
      if (held === undefined) continue;
      objects.push({ bucket, key, object: held.bytes });
      bytes += held.bytes.length;
    }
    return { objects, bytes, looked };
  }

  #wanted({ alone }: Page, sending: number): number {
    if (!alone) return this.#parts.limits.maxFrameItems;
    return sending === 0 ? 1 : 0;
  }

  /** Answers how many records are others now. */
  async #merge(objects: readonly (RecordName & { readonly object: Uint8Array })[]): Promise<number> {
    const { replica } = this.#parts;
    const merged = objects
      .filter(({ bucket }) => replica.shares(bucket))
      .map(async ({ bucket, key, object }) => {
        const before = replica.read({ bucket, key })?.digest;
        const written = await replica.write({ bucket, key }, object);
        return written !== undefined && written.digest !== before;
      });
    return (await Promise.all(merged)).filter((isOther) => isOther).length;
  }

  #ask<Q, R>(verb: Contract<Q, R>, body: Q): Promise<R> {
    const { bus, peer, replica, limits } = this.#parts;
    const options = { timeoutMs: limits.timeoutMs, barrier: replica.barrier };
    return bus.request(contract.antiEntropyAddress(peer), verb, body, options);
  }
}
