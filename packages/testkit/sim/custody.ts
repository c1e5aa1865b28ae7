import { defaultLimits } from '@ringfort/coordinator';
import type { RecordId } from '@ringfort/storage';
import { type Context, contextSize, covers, type Dot, formatDot, type VersionedObject } from '@ringfort/versioning';
import type { StoreWatcher } from './watched-store.ts';

/** The stores that had a sibling when its write was acknowledged. */
interface Keepers {
  /** Whether all acknowledgements were to be from disk. */
  readonly fullyDurable: boolean;
  /** Those that must have it still. */
  readonly nodes: Set<string>;
}

/** What became of one sibling. */
interface Sibling {
  readonly dot: Dot;
  /** Every store that ever said it has it, and whether from disk. */
  readonly stored: Map<string, boolean>;
  /** Of those, the ones that lost it or handed it over. */
  readonly gone: Set<string>;
  keepers: Keepers | undefined;
}

/** One as it was first seen. */
interface Tombstone {
  readonly dot: Dot;
  /** The siblings of its record. */
  readonly beside: ReadonlySet<string>;
  readonly clock: Context;
}

/** What is asked of the acknowledgements of a write. */
export interface Acknowledged {
  readonly w: number;
  readonly fullyDurable: boolean;
}

const nameOf = (value: Uint8Array | undefined, dot: Dot) =>
  value === undefined ? formatDot(dot) : Buffer.from(value).toString();

/**
 * Which stores have taken a write, and which of them must have it still: all that had it when it was acknowledged, but for those that lost it with
 * their disk, and stand-ins that handed it over. Siblings go by their values, tombstones by their dots.
 */
export class Custody implements StoreWatcher {
  readonly #keys = new Map<string, Map<string, Sibling>>();
  /** Of each key the tombstones, in the order in which stores were first handed them: each as its coordinator made it. */
  readonly #tombstones = new Map<string, Map<string, Tombstone>>();

  objectSeen(_node: string, { key }: RecordId, { siblings, clock }: VersionedObject): void {
    for (const { dot, value } of siblings) {
      if (value !== undefined) continue;
      const known = this.#tombstones.get(key) ?? new Map<string, Tombstone>();
      this.#tombstones.set(key, known);
      const name = formatDot(dot);
      if (!known.has(name)) known.set(name, { dot, beside: new Set(siblings.map((one) => formatDot(one.dot))), clock });
    }
  }

  objectStored(node: string, { key }: RecordId, { siblings }: VersionedObject, durable: boolean): void {
    for (const { dot, value } of siblings) {
      const { stored, gone } = this.#of(key, nameOf(value, dot), dot);
      stored.set(node, durable || stored.get(node) === true);
      gone.delete(node);
    }
  }

  /** With a stand-in record goes all that it had ever held: what it had replaced, the target is told of by its clock. */
  hintDropped(node: string, { key }: RecordId, { clock }: VersionedObject, kept: VersionedObject | undefined): void {
    for (const { dot, stored, gone, keepers } of this.#keys.get(key)?.values() ?? []) {
      if (!stored.has(node) || !covers(clock, dot) || (kept !== undefined && covers(kept.clock, dot))) continue;
      gone.add(node);
      keepers?.nodes.delete(node);
    }
  }

  /** What a node forgets that has no part in the partition, the owners are to have. */
  recordDropped(node: string, { key }: RecordId, { clock }: VersionedObject): void {
    for (const { dot, stored, gone, keepers } of this.#keys.get(key)?.values() ?? []) {
      if (!stored.has(node) || !covers(clock, dot)) continue;
      gone.add(node);
      keepers?.nodes.delete(node);
    }
  }

  /**
   * The node's disk forgot something of the key; `flushed`: although it had been flushed. What that had replaced may be gone with it, so that nothing of
   * the key is certain to be there any more.
   */
  lost(node: string, key: string, flushed: boolean): void {
    for (const { stored, gone, keepers } of this.#keys.get(key)?.values() ?? []) {
      // What was said to be on disk, and was not, is no excuse.
      if (flushed || stored.get(node) !== true) gone.add(node);
      if (flushed || keepers?.fullyDurable === false) keepers?.nodes.delete(node);
    }
  }

  /** A put of this value was acknowledged. Answers what is wrong with that. */
  putAcknowledged(key: string, value: string, asked: Acknowledged): string | undefined {
    const known = this.#keys.get(key)?.get(value);
    return known === undefined ? 'no store has it' : acknowledged(known, asked);
  }

  /**
   * A delete was acknowledged with this context: its tombstone is what that covers beyond the context it was given. Answers the tombstone's name,
   * when only one can be meant.
   */
  deleteAcknowledged(key: string, given: Context | undefined, reply: Context, asked: Acknowledged): string | undefined {
    const own = [...(this.#keys.get(key) ?? [])].filter(([name, { dot }]) => {
      return name === formatDot(dot) && covers(reply, dot) && (given === undefined || !covers(given, dot));
    });
    if (own.length !== 1) return undefined;
    const [name, tombstone] = own[0]!;
    acknowledged(tombstone, asked);
    return name;
  }

  /**
   * The values, of those that any store has taken, that a delete without a context covered, by its reply. One that may have been cut to its bound lacks
   * some: then the tombstone tells them, by what its clock knows and it does not stand beside.
   */
  coveredBlindly(key: string, reply: Context | undefined): string[] {
    if (reply === undefined) return [];
    const isCut = contextSize(reply) >= defaultLimits.maxContextEntries;
    const own = isCut ? this.#lastTombstone(key, reply) : undefined;
    const isCovered = (dot: Dot) =>
      covers(reply, dot) || (own !== undefined && covers(own.clock, dot) && !own.beside.has(formatDot(dot)));
    return [...(this.#keys.get(key) ?? [])]
      .filter(([name, { dot }]) => name !== formatDot(dot) && isCovered(dot))
      .map(([name]) => name);
  }

  /** A delete's own one: whatever else its reply covers, it had read, so that a store had been handed that before. */
  #lastTombstone(key: string, reply: Context): Tombstone | undefined {
    return [...(this.#tombstones.get(key)?.values() ?? [])].findLast(({ dot }) => covers(reply, dot));
  }

  /** Those of the stores that had it when it was acknowledged that cannot have lost it. */
  keepers(key: string, name: string): readonly string[] {
    return [...(this.#keys.get(key)?.get(name)?.keepers?.nodes ?? [])];
  }

  /** Whether any store ever took it. */
  wasStored(key: string, value: string): boolean {
    return (this.#keys.get(key)?.get(value)?.stored.size ?? 0) > 0;
  }

  #of(key: string, name: string, dot: Dot): Sibling {
    const names = this.#keys.get(key) ?? new Map<string, Sibling>();
    this.#keys.set(key, names);
    const known = names.get(name) ?? { dot, stored: new Map(), gone: new Set(), keepers: undefined };
    names.set(name, known);
    return known;
  }
}

function acknowledged(sibling: Sibling, { w, fullyDurable }: Acknowledged): string | undefined {
  const { stored, gone } = sibling;
  const having = [...stored].filter(([, durable]) => durable || !fullyDurable).map(([node]) => node);
  sibling.keepers = { fullyDurable, nodes: new Set(having.filter((node) => !gone.has(node))) };
  if (having.length >= w) return undefined;
  return `${having.length} stores had it${fullyDurable ? ' on disk' : ''} (${having.join(' ')}), W is ${w}`;
}
