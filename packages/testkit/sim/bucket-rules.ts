import type { RecordId } from '@ringfort/storage';
import { compareDots, compareStamps, type Sibling, type VersionedObject } from '@ringfort/versioning';
import type { BucketKind } from './plan-shape.ts';
import type { BrokenInvariant } from './violations.ts';
import type { Readable } from './watched-store.ts';

/** The true time, and how far the nodes' wall clocks are off it. */
export interface WallClocks {
  now(): number;
  offsetsMs(): readonly number[];
}

const textOf = (value: Uint8Array | undefined) => (value === undefined ? '(deleted)' : Buffer.from(value).toString());

/**
 * What buckets promise less than S1 says, by their stated rule. `lww`: of concurrent writes the one with the highest stamp stays, so that an
 * acknowledged one may go once a store was handed one with a higher stamp. `ttl`: what has expired is not shown any more, so that a write may
 * cover it without its writer having seen it; it may not be shown by any node whose clock says that it has expired. Once it has, it may be collected.
 */
export class BucketRules {
  readonly broken: BrokenInvariant[] = [];
  readonly #kind: BucketKind;
  readonly #clocks: WallClocks;
  /** Whether what has expired is collected. */
  readonly #collects: boolean;
  /** key -> value -> as it was stored first; of tombstones the highest. */
  readonly #known = new Map<string, Map<string, Sibling>>();
  /** How far any clock has been behind, or ahead. */
  #behindMs = 0;
  #aheadMs = 0;

  constructor(kind: BucketKind, clocks: WallClocks, collects = false) {
    this.#collects = collects;
    this.#kind = kind;
    this.#clocks = clocks;
  }

  /** A store is handed this object. */
  objectSeen({ key }: RecordId, { siblings }: VersionedObject): void {
    if (this.#kind === 'siblings') return;
    this.#lookAtClocks();
    const known = this.#known.get(key) ?? new Map<string, Sibling>();
    this.#known.set(key, known);
    for (const sibling of siblings) {
      const name = textOf(sibling.value);
      const before = known.get(name);
      if (before === undefined || (sibling.value === undefined && isHigher(sibling, before))) known.set(name, sibling);
    }
  }

  /** Whether a read may leave the value out although nobody overwrote it. */
  mayHide(key: string, value: string): boolean {
    const one = this.#known.get(key)?.get(value);
    if (one === undefined) return false;
    if (this.#kind === 'ttl') return this.#isOver(one, this.#lookAtClocks().aheadMs);
    return this.#isOutrun(key, one);
  }

  /** Whether an acknowledged value may be gone in the end. `isCovered`: the context of a later write covers it. */
  mayBeGone(key: string, value: string, isCovered: boolean): boolean {
    const one = this.#known.get(key)?.get(value);
    if (one === undefined) return false;
    if (this.#kind === 'ttl') return (isCovered || this.#collects) && this.#isOver(one, this.#lookAtClocks().aheadMs);
    return this.#isOutrun(key, one);
  }

  /** No read that began at this (true) time shows what had expired by then, by the clock that is furthest behind. */
  checkRead(key: string, values: readonly string[], invokedMs: number): void {
    if (this.#kind !== 'ttl') return;
    const { behindMs } = this.#lookAtClocks();
    for (const value of values) {
      const expiresAtMs = this.#known.get(key)?.get(value)?.expiresAtMs;
      if (expiresAtMs === undefined) continue;
      const lateMs = invokedMs - behindMs - expiresAtMs;
      if (lateMs >= 0) this.#blame(key, `${value} is shown ${lateMs} ms after it had expired`);
    }
  }

  /** What the replicas hold in the end: in an `lww` bucket one write per key. */
  noteFinal(store: Readable, ids: readonly RecordId[]): void {
    if (this.#kind !== 'lww') return;
    for (const id of ids) {
      const siblings = store.read(id)?.object.siblings ?? [];
      if (siblings.length > 1) this.#blame(id.key, `${siblings.length} siblings where the last writer wins`);
    }
  }

  /**
   * A store was handed a higher write, so that others may have dropped this one for it. Should disks lose that again, this one does not come back: the
   * highest write of all answers for them, by S1.
   */
  #isOutrun(key: string, one: Sibling): boolean {
    return [...this.#known.get(key)!.values()].some((other) => isHigher(other, one));
  }

  #isOver({ expiresAtMs }: Sibling, aheadMs: number): boolean {
    return expiresAtMs !== undefined && expiresAtMs <= this.#clocks.now() + aheadMs;
  }

  #lookAtClocks(): { behindMs: number; aheadMs: number } {
    for (const ms of this.#clocks.offsetsMs()) {
      this.#behindMs = Math.max(this.#behindMs, -ms);
      this.#aheadMs = Math.max(this.#aheadMs, ms);
    }
    return { behindMs: this.#behindMs, aheadMs: this.#aheadMs };
  }

  #blame(key: string, what: string): void {
    this.broken.push({ invariant: 'S1', key, what: `${key}: ${what}` });
  }
}

/** By stamp, then by dot: as the rule of `lww` says. */
function isHigher(a: Sibling, b: Sibling): boolean {
  if (a.stamp === undefined || b.stamp === undefined) return false;
  return (compareStamps(a.stamp, b.stamp) || compareDots(a.dot, b.dot)) > 0;
}
