import { BarrierBehindError, StandInsOwedError } from './errors.ts';
import { afterPrefix, type ByteKey, barrierKey, partitionOfKey } from './keys-core.ts';

/** What is known of one partition's collections of tombstones. */
interface Barrier {
  /** Durable. What was sent under a lower one is refused. */
  floor: number;
  /** Durable. The highest one that was ever adopted: no later collection may use it. */
  adopted: number;
  /** What messages carry: between the other two, and in memory only. Lower than right does no harm. */
  label: number;
}

/** A change on its way to the disk: writes that come after it heed it, messages do not carry it yet. */
export interface BarrierChange extends Barrier {
  readonly partition: number;
}

/** Rows of a store's tables of stand-in records and barriers. */
interface BarrierTable {
  range(start: ByteKey, end: ByteKey): Iterable<readonly [ByteKey, Uint8Array]>;
}

/** The batch that is being made. */
interface BarrierStage {
  set(key: ByteKey, value: Uint8Array): void;
  /** Whether it stores a row whose key begins so. */
  sets(prefix: ByteKey): boolean;
}

/**
 * The barrier that a message carries whose content is read now. Only what is made of stand-in records may be older than what was adopted: if all
 * messages of a node that keeps an older one carried its barrier, those who have raised theirs would refuse the node's writes, too.
 */
export function labelOf(
  store: { label(partition: number): number; adoptedBarrier(partition: number): number },
  partition: number,
  standIn: boolean,
): number {
  return standIn ? store.label(partition) : store.adoptedBarrier(partition);
}

const none: Readonly<Barrier> = { floor: 0, adopted: 0, label: 0 };

/**
 * The barriers of the partitions. To adopt one is to say: nothing older leaves this store under it. That holds while no stand-in record is there
 * that came in under a lower one; when one does come, the label falls to that one's, until it was delivered. Primary records need no such care:
 * all of them hold what is collected before anybody adopts.
 */
export class Barriers {
  readonly #table: BarrierTable;
  readonly #known = new Map<number, Barrier>();
  readonly #changes = new Set<BarrierChange>();

  constructor(table: BarrierTable) {
    this.#table = table;
    for (const [key, value] of table.range('B', 'C')) {
      const row = Buffer.from(value);
      const floor = row.readUInt32LE();
      const adopted = row.length < 8 ? floor : row.readUInt32LE(4);
      this.#known.set(partitionOfKey(key), { floor, adopted, label: floor });
    }
    for (const partition of this.#known.keys()) this.readopt(partition);
  }

  /** Of how many partitions one is known. */
  get size(): number {
    return this.#known.size;
  }

  of(partition: number): Readonly<Barrier> {
    return this.#known.get(partition) ?? none;
  }

  /** @throws BARRIER_BEHIND */
  check(partition: number, sent: number | undefined): void {
    if (sent === undefined) return;
    let { floor } = this.of(partition);
    for (const change of this.#changes)
      if (change.partition === partition && change.floor > floor) floor = change.floor;
    if (sent < floor) throw new BarrierBehindError(partition, sent, floor);
  }

  /** A stand-in record comes in under this barrier. @throws BARRIER_BEHIND */
  takesStandIn(partition: number, sent: number | undefined): void {
    this.check(partition, sent);
    if (sent === undefined) return;
    const known = this.#known.get(partition);
    if (known !== undefined && sent < known.label) known.label = sent;
    for (const change of this.#changes) if (change.partition === partition && sent < change.label) change.label = sent;
  }

  /** A stand-in record has gone: was it the last, nothing older is left. */
  readopt(partition: number): void {
    const known = this.#known.get(partition);
    if (known !== undefined && known.label < known.adopted && !this.#owesAnything(partition))
      known.label = known.adopted;
  }

  /**
   * Stages that messages are to carry this barrier. Undefined: it (or a higher one) was adopted before, and not in the same collection.
   * @throws STAND_INS_OWED
   */
  adopt(stage: BarrierStage, partition: number, barrier: number, isSame: boolean): BarrierChange | undefined {
    const { floor, adopted } = this.#highest(partition);
    if (barrier < adopted || (barrier === adopted && !isSame)) return undefined;
    return this.#change(stage, { partition, floor, adopted: barrier, label: barrier });
  }

  /** Stages that what came under a lower one is refused. @throws STAND_INS_OWED */
  raise(stage: BarrierStage, partition: number, barrier: number): BarrierChange | undefined {
    const { floor, adopted } = this.#highest(partition);
    if (barrier <= floor) return undefined;
    return this.#change(stage, {
      partition,
      floor: barrier,
      adopted: Math.max(adopted, barrier),
      label: barrier,
    });
  }

  /** The change is on disk (or is not, and never will be). */
  ended(change: BarrierChange, isDurable: boolean): void {
    this.#changes.delete(change);
    if (!isDurable) return;
    const { floor, adopted, label } = this.of(change.partition);
    this.#known.set(change.partition, {
      floor: Math.max(floor, change.floor),
      adopted: Math.max(adopted, change.adopted),
      label: Math.max(label, change.label, change.floor),
    });
  }

  #highest(partition: number): Barrier {
    const highest = { ...this.of(partition) };
    for (const change of this.#changes) {
      if (change.partition !== partition) continue;
      highest.floor = Math.max(highest.floor, change.floor);
      highest.adopted = Math.max(highest.adopted, change.adopted);
    }
    return highest;
  }

  #change(stage: BarrierStage, change: BarrierChange): BarrierChange {
    const { partition, floor, adopted, label } = change;
    const prefix = standInPrefix(partition);
    if (this.of(partition).label < label && (stage.sets(prefix) || this.#owesAnything(partition)))
      throw new StandInsOwedError(partition);
    const row = Buffer.alloc(8);
    row.writeUInt32LE(floor, 0);
    row.writeUInt32LE(adopted, 4);
    stage.set(barrierKey(partition), row);
    this.#changes.add(change);
    return change;
  }

  #owesAnything(partition: number): boolean {
    const prefix = standInPrefix(partition);
    for (const _ of this.#table.range(prefix, afterPrefix(prefix))) return true;
    return false;
  }
}

const standInPrefix = (partition: number): ByteKey => `H${barrierKey(partition).slice(1)}`;
