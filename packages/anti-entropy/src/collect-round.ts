import type { Bus, Contract, Random } from '@ringfort/bus';
import type { Membership } from '@ringfort/membership';
import type { Ring } from '@ringfort/ring';
import type { CollectableRecord } from './collect-contract.ts';
import * as verbs from './collect-contract.ts';
import { heldByAll, isSettled, nextBarrier } from './collect-core.ts';
import { CollectionUnsettledError, MemberDownError } from './collect-errors.ts';
import type { Proven } from './collect-machine.ts';
import { antiEntropyAddress } from './contract.ts';

export interface CollectRoundOptions {
  readonly bus: Bus;
  readonly membership: Membership;
  readonly random: Random;
  readonly partition: number;
  readonly timeoutMs: number;
  /** The highest barrier that any member is known to have adopted; told of higher ones. */
  readonly highest: { get(): number; note(adopted: number): void };
}

/** The steps of one collection, each one message to every primary or every member: the machine says in which order. */
export class CollectRound {
  readonly #options: CollectRoundOptions;
  /** As it was when this began: whoever knows another one refuses. */
  readonly #ring: Ring;
  readonly #id: string;
  #wasRefused = false;

  constructor(options: CollectRoundOptions) {
    this.#options = options;
    this.#ring = options.membership.ring;
    this.#id = Buffer.from(options.random.bytes(16)).toString('hex');
  }

  /** Which of the records all their primaries hold. */
  async prove(records: readonly CollectableRecord[]): Promise<Proven> {
    const { partition, membership, highest, random } = this.#options;
    if (!isSettled(this.#ring, partition)) throw new CollectionUnsettledError(partition);
    const down = this.#members().find((node) => !membership.isUp(node));
    if (down !== undefined) throw new MemberDownError(partition, down);
    const request = { partition, ring: this.#ring.version, records: [...records] };
    const replies = await this.#askAll(this.#primaries(records), verbs.collectProve, request);
    for (const { adopted } of replies.values()) highest.note(adopted);
    const proven = heldByAll(records, this.#ring, partition, heldOf(replies));
    return { records: proven, barrier: nextBarrier([highest.get()], (n) => random.below(n)) };
  }

  /** From now on nothing older leaves any member under this barrier. */
  async adopt(barrier: number): Promise<void> {
    const { partition, highest } = this.#options;
    const request = { partition, ring: this.#ring.version, barrier, id: this.#id };
    highest.note(barrier);
    try {
      await this.#askAll(this.#members(), verbs.collectAdopt, request);
    } catch (error) {
      const { adopted } = (error as { details?: { adopted?: unknown } }).details ?? {};
      if (typeof adopted === 'number') highest.note(adopted);
      throw error;
    }
  }

  /** From now on nothing older is taken by any member. Answers which of the records all their primaries hold still. */
  async raise({ records, barrier }: Proven): Promise<CollectableRecord[]> {
    const { partition } = this.#options;
    const request = { partition, ring: this.#ring.version, barrier, id: this.#id, records: [...records] };
    // A member may have fallen back since (it was started again, or took an older stand-in record): it adopts the barrier once more.
    if (this.#wasRefused) await this.adopt(barrier);
    this.#wasRefused = true;
    const replies = await this.#askAll(this.#members(), verbs.collectRaise, request);
    return heldByAll(records, this.#ring, partition, heldOf(replies));
  }

  async drop({ records, barrier }: Proven): Promise<number> {
    const { partition } = this.#options;
    const request = { partition, barrier, records: [...records] };
    const replies = await this.#askAll(this.#primaries(records), verbs.collectDrop, request);
    return Math.max(0, ...[...replies.values()].map(({ collected }) => collected));
  }

  #members(): string[] {
    return this.#ring.nodes.map(({ id }) => id);
  }

  #primaries(records: readonly CollectableRecord[]): string[] {
    const { partition } = this.#options;
    const most = Math.max(...records.map(({ bucket }) => this.#ring.bucket(bucket).n));
    return this.#ring.preferenceList(partition).slice(0, most);
  }

  /** All of them, or it fails. */
  async #askAll<Q, R>(nodes: readonly string[], verb: Contract<Q, R>, request: Q): Promise<Map<string, R>> {
    const { bus, timeoutMs } = this.#options;
    const asked = nodes.map(
      async (node) => [node, await bus.request(antiEntropyAddress(node), verb, request, { timeoutMs })] as const,
    );
    const answers = await Promise.allSettled(asked);
    const replies = new Map<string, R>();
    for (const answer of answers) {
      if (answer.status === 'rejected') throw answer.reason;
      replies.set(...answer.value);
    }
    return replies;
  }
}

function heldOf(replies: ReadonlyMap<string, { readonly held: readonly number[] }>): Map<string, ReadonlySet<number>> {
  return new Map([...replies].map(([node, { held }]) => [node, new Set(held)]));
}
