import type { RecordId } from '@ringfort/storage';
import { type Context, covers, type Dot, formatDot, type VersionedObject } from '@ringfort/versioning';
import type { BucketRules } from './bucket-rules.ts';
import type { Custody } from './custody.ts';
import type { EventLog } from './event-log.ts';
import type { ValueLosses } from './requests.ts';
import type { BrokenInvariant } from './violations.ts';
import type { Readable, StoreWatcher } from './watched-store.ts';

interface KnownDot {
  readonly dot: Dot;
  /** Undefined: a tombstone. */
  readonly value: string | undefined;
  /** Values (or names of deletes) of writes whose contexts cover it. */
  readonly overwriters: Set<string>;
}

interface KeyDots {
  readonly byName: Map<string, KnownDot>;
  readonly byValue: Map<string, KnownDot>;
  blindDeletes: number;
}

interface Loss {
  /** Although it had been flushed. */
  readonly flushed: boolean;
  readonly isKnown: boolean;
}

const textOf = (value: Uint8Array | undefined) => (value === undefined ? undefined : Buffer.from(value).toString());

/** Sees every object that any store is handed: which dot names which value, and what each context covers (S4). */
export class Dots implements StoreWatcher, ValueLosses {
  readonly broken: BrokenInvariant[] = [];
  readonly #log: EventLog;
  readonly #rules: Pick<BucketRules, 'mayHide' | 'mayBeGone'> | undefined;
  readonly #custody: Custody | undefined;
  readonly #keys = new Map<string, KeyDots>();
  /** key, value -> nodes that lost it, and how. */
  readonly #losses = new Map<string, Map<string, Map<string, Loss>>>();

  /** `rules`: of the bucket, when it promises less than all. */
  constructor(log: EventLog, rules?: Pick<BucketRules, 'mayHide' | 'mayBeGone'>, custody?: Custody) {
    this.#log = log;
    this.#rules = rules;
    this.#custody = custody;
  }

  objectSeen(node: string, id: RecordId, object: VersionedObject, how: string): void {
    const names = object.siblings.map(({ dot, value }) => this.#noteDot(id.key, dot, textOf(value)));
    this.#log.add(node, `${how} ${id.key}: ${names.join(' ')}`);
  }

  collected(node: string, keys: readonly string[], count: number): void {
    this.#log.add(node, `collects ${count} of ${keys.join(' ')}`);
  }

  /** A write of `value` (or the delete of that name) is sent with this context. */
  writeSent(key: string, name: string, context: Context | undefined, isDelete: boolean): void {
    const known = this.#of(key);
    if (context === undefined) {
      if (isDelete) known.blindDeletes += 1;
      return;
    }
    for (const { dot, overwriters } of known.byName.values()) if (covers(context, dot)) overwriters.add(name);
  }

  /** S4 of the reply to a put: it covers what its writer had seen, and its own write. */
  writeAnswered(key: string, value: string, given: Context | undefined, reply: Context): void {
    for (const { dot, value: other } of this.#of(key).byName.values()) {
      if (other === value || !covers(reply, dot)) continue;
      if (given !== undefined && covers(given, dot)) continue;
      this.#blame(
        key,
        `the context of the put of ${value} covers ${formatDot(dot)} (${other}), which its writer had not seen`,
      );
    }
  }

  /** S4 of the reply to a get: it covers what it returned, and what that overwrote. */
  readAnswered(key: string, returned: readonly string[], reply: Context | undefined): void {
    if (reply === undefined) return;
    const known = this.#of(key);
    const isCovered = (one: KnownDot | undefined) => one !== undefined && covers(reply, one.dot);
    const coversTombstone = [...known.byName.values()].some((one) => one.value === undefined && isCovered(one));
    for (const value of returned) {
      if (!isCovered(known.byValue.get(value)))
        this.#blame(key, `a get returned ${value} with a context that does not cover it`);
    }
    for (const { dot, value, overwriters } of known.byName.values()) {
      if (value === undefined || !covers(reply, dot) || returned.includes(value)) continue;
      if (coversTombstone && known.blindDeletes > 0) continue;
      const overwritten = isOutlived(known, overwriters, isCovered);
      const deleted = coversTombstone && overwriters.size > 0;
      if (overwritten || deleted || this.#rules?.mayHide(key, value) === true) continue;
      this.#blame(
        key,
        `the context of a get covers ${formatDot(dot)} (${value}), which it neither returned nor knows overwritten`,
      );
    }
  }

  /**
   * Why a strict read may miss a value that W replicas had: a write that had seen it was sent, or may have been; a disk has lost it whose node does not
   * know that, or all W have.
   */
  isExplained(key: string, value: string, w: number): boolean {
    const known = this.#of(key);
    const overwritten = (known.byValue.get(value)?.overwriters.size ?? 0) > 0;
    const hidden = this.#rules?.mayHide(key, value) === true;
    const losses = [...(this.#losses.get(key)?.get(value)?.values() ?? [])];
    const isLost = losses.length >= w || losses.some(({ isKnown }) => !isKnown);
    return overwritten || hidden || known.blindDeletes > 0 || isLost;
  }

  /** Whether the bucket's rule lets an acknowledged value go. */
  isGivenUp(key: string, value: string): boolean {
    const isCovered = (this.#of(key).byValue.get(value)?.overwriters.size ?? 0) > 0;
    return this.#rules?.mayBeGone(key, value, isCovered) === true;
  }

  /** What a store holds of these keys, by dots: to be compared with what is there after a loss. */
  heldBy(store: Readable, ids: readonly RecordId[]): Held[] {
    return ids.flatMap((id) =>
      [store.read(id), store.readHint(id)].flatMap((record, index) =>
        (record?.object.siblings ?? []).map(({ dot, value }) => ({
          id,
          standIn: index === 1,
          dot,
          value: textOf(value),
        })),
      ),
    );
  }

  /** Of what was held, that which the store does not know any more. */
  lostBy(store: Readable, held: readonly Held[]): Held[] {
    return held.filter(({ id, standIn, dot }) => {
      const record = standIn ? store.readHint(id) : store.read(id);
      return record === undefined || !covers(record.object.clock, dot);
    });
  }

  /** These are on the node's disk no more; `isKnown`: it knows that, and answers for none of it until the others have filled it. */
  noteLosses(node: string, lost: readonly Held[], flushed: boolean, isKnown = false): void {
    for (const { id, value } of lost) {
      this.#custody?.lost(node, id.key, flushed);
      const byValue = this.#losses.get(id.key) ?? new Map<string, Map<string, Loss>>();
      this.#losses.set(id.key, byValue);
      const name = value ?? '(deleted)';
      const nodes = byValue.get(name) ?? new Map<string, Loss>();
      byValue.set(name, nodes);
      const before = nodes.get(node);
      nodes.set(node, {
        flushed: flushed || before?.flushed === true,
        isKnown: isKnown && before?.isKnown !== false,
      });
      this.#log.add(node, `lost ${id.key}=${name}${flushed ? ' from its disk' : ' before it was flushed'}`);
    }
  }

  of(key: string, value: string): { readonly flushed: number; readonly any: number } {
    const nodes = [...(this.#losses.get(key)?.get(value)?.values() ?? [])];
    return { flushed: nodes.filter(({ flushed }) => flushed).length, any: nodes.length };
  }

  onKey(key: string): number {
    return this.#losses.get(key)?.size ?? 0;
  }

  #noteDot(key: string, dot: Dot, value: string | undefined): string {
    const known = this.#of(key);
    const name = formatDot(dot);
    const before = known.byName.get(name);
    const namesake = value === undefined ? undefined : known.byValue.get(value);
    if (before === undefined && namesake !== undefined)
      this.#blame(key, `one write has two dots: ${formatDot(namesake.dot)} and ${name} name ${value}`);
    if (before === undefined) {
      const noted = { dot, value, overwriters: new Set<string>() };
      known.byName.set(name, noted);
      if (value !== undefined) known.byValue.set(value, noted);
    } else if (before.value !== value) {
      this.#blame(key, `${name} names both ${before.value ?? 'a delete'} and ${value ?? 'a delete'}`);
    }
    return `${name}=${value ?? '(deleted)'}`;
  }

  #of(key: string): KeyDots {
    let known = this.#keys.get(key);
    if (known === undefined) {
      known = { byName: new Map(), byValue: new Map(), blindDeletes: 0 };
      this.#keys.set(key, known);
    }
    return known;
  }

  /** Notes what broke, in the log too. */
  blame(one: BrokenInvariant): void {
    this.broken.push(one);
    this.#log.add('check', `${one.invariant} ${one.what}`);
  }

  #blame(key: string, what: string): void {
    this.blame({ invariant: 'S4', key, what: `${key}: ${what}` });
  }
}

/**
 * Whether one of these writes is covered, or was itself overwritten by one that is: a context that was cut to its bound may lack the dots between, and
 * a write by it overwrites them all the same.
 */
function isOutlived(
  known: KeyDots,
  overwriters: ReadonlySet<string>,
  isCovered: (one: KnownDot | undefined) => boolean,
): boolean {
  const seen = new Set(overwriters);
  for (const name of seen) {
    const one = known.byValue.get(name);
    if (isCovered(one)) return true;
    for (const next of one?.overwriters ?? []) seen.add(next);
  }
  return false;
}

/** One sibling on one node's disk. */
export interface Held {
  readonly id: RecordId;
  readonly standIn: boolean;
  readonly dot: Dot;
  readonly value: string | undefined;
}
