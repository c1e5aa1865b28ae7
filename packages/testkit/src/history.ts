import { HistoryMisuseError } from './errors.ts';

/** How a write ended, as its client was told. `indeterminate`: any replica may have it (also: the client never heard). */
export type Outcome = 'pending' | 'acknowledged' | 'failed' | 'indeterminate';

/** A write as the history records it. */
export interface RecordedWrite {
  readonly key: string;
  /** Unique among the values of its key; undefined for a delete. */
  readonly value: string | undefined;
  readonly outcome: Outcome;
  /** It was sent at this place of the history's order, and ended at that one. */
  readonly invokedAt: number;
  readonly endedAt: number | undefined;
}

/** What a client holds while its write is on its way: it calls exactly one of these. */
export interface PendingWrite {
  /** As it is recorded. */
  readonly write: RecordedWrite;
  /**
   * With the context of the reply, as text, when there is one. `covered`: the values that a delete without a context found and covered; when it is
   * not told, it may have covered whatever was written before it ended.
   */
  acknowledged(context?: string, covered?: readonly string[]): void;
  /** Refused: no replica has it. */
  failed(): void;
  indeterminate(): void;
}

export type ViolationKind =
  /** An acknowledged value is neither returned nor overwritten by a write that had seen it (S1). */
  | 'lost'
  /** A value is returned that nobody wrote to this key. */
  | 'from nowhere'
  /** A value is returned whose write was refused: a failure that should have been indeterminate (S6). */
  | 'failed but returned'
  /** A value is returned though an acknowledged write had seen it. */
  | 'overwritten but returned'
  /** A value is returned more than once. */
  | 'returned twice';

export interface Violation {
  readonly kind: ViolationKind;
  readonly key: string;
  readonly value: string;
  /** Of a value that is overwritten: the acknowledged writes that had seen it. */
  readonly overwrittenBy?: readonly RecordedWrite[];
}

export interface HistoryReport {
  readonly violations: readonly Violation[];
  readonly counts: Readonly<Record<Outcome, number>>;
}

/** Records what clients were told, and checks it against what is there at the end. */
export interface History {
  /** A write is about to be sent; `context` is one that a read or a write of this key returned. */
  put(key: string, value: string, context?: string): PendingWrite;
  /** A delete is about to be sent. Without a context it may overwrite whatever was written before it ended. */
  delete(key: string, context?: string): PendingWrite;
  /** A read returned these values with this context. Values nobody wrote are violations as well. */
  read(key: string, values: readonly string[], context: string | undefined): void;
  readonly writes: readonly RecordedWrite[];
  readonly keys: readonly string[];
  /** Judges the values that each key has at the end (all faults healed). A key that is not given has none. */
  check(final: ReadonlyMap<string, readonly string[]>): HistoryReport;
}

interface Write {
  key: string;
  value: string | undefined;
  outcome: Outcome;
  invokedAt: number;
  endedAt: number | undefined;
  /** Writes that its context covers directly; what those had seen is covered as well. */
  readonly saw: Write[];
  /** It may have overwritten whatever was there. */
  blind: boolean;
}

interface KeyHistory {
  readonly writes: Write[];
  readonly byValue: Map<string, Write>;
  readonly byContext: Map<string, Set<Write>>;
}

/** A new, empty history. */
export function recordHistory(): History {
  return new Recorder();
}

class Recorder implements History {
  readonly #keys = new Map<string, KeyHistory>();
  readonly #fromNowhere: Violation[] = [];
  #order = 0;

  get writes(): readonly RecordedWrite[] {
    return [...this.#keys.values()].flatMap((key) => key.writes);
  }

  get keys(): readonly string[] {
    return [...this.#keys.keys()];
  }

  put(key: string, value: string, context?: string): PendingWrite {
    const history = this.#of(key);
    if (history.byValue.has(value)) throw new HistoryMisuseError('a value is written once per key', { key, value });
    const write = this.#begin(key, value, context);
    history.byValue.set(value, write);
    return this.#pending(write);
  }

  delete(key: string, context?: string): PendingWrite {
    return this.#pending(this.#begin(key, undefined, context));
  }

  read(key: string, values: readonly string[], context: string | undefined): void {
    const history = this.#of(key);
    const seen: Write[] = [];
    for (const value of values) {
      const write = history.byValue.get(value);
      if (write === undefined) this.#fromNowhere.push({ kind: 'from nowhere', key, value });
      else seen.push(write);
    }
    if (context !== undefined) remember(history, context, seen);
  }

  check(final: ReadonlyMap<string, readonly string[]>): HistoryReport {
    const counts: Record<Outcome, number> = { pending: 0, acknowledged: 0, failed: 0, indeterminate: 0 };
    for (const { writes } of this.#keys.values()) for (const { outcome } of writes) counts[outcome] += 1;
    const keys = new Set([...this.#keys.keys(), ...final.keys()]);
    const judged = [...keys].flatMap((key) => judge(key, this.#keys.get(key), final.get(key) ?? []));
    return { violations: [...this.#fromNowhere, ...judged], counts };
  }

  #of(key: string): KeyHistory {
    let history = this.#keys.get(key);
    if (history === undefined) {
      history = { writes: [], byValue: new Map(), byContext: new Map() };
      this.#keys.set(key, history);
    }
    return history;
  }

  #begin(key: string, value: string | undefined, context: string | undefined): Write {
    const history = this.#of(key);
    const saw = context === undefined ? new Set<Write>() : history.byContext.get(context);
    if (saw === undefined) {
      throw new HistoryMisuseError('a context was used that no read or write of this key returned', { key, context });
    }
    const blind = context === undefined;
    const write: Write = {
      key,
      value,
      outcome: 'pending',
      invokedAt: this.#order,
      endedAt: undefined,
      saw: [...saw],
      blind,
    };
    this.#order += 1;
    history.writes.push(write);
    return write;
  }

  #pending(write: Write): PendingWrite {
    const end = (outcome: Outcome): void => {
      if (write.outcome !== 'pending') {
        throw new HistoryMisuseError('a write ends once', { key: write.key, value: write.value });
      }
      write.outcome = outcome;
      write.endedAt = this.#order;
      this.#order += 1;
    };
    return {
      write,
      acknowledged: (context, covered) => {
        end('acknowledged');
        if (covered !== undefined) {
          const { byValue } = this.#of(write.key);
          write.blind = false;
          write.saw.push(...covered.flatMap((value) => byValue.get(value) ?? []));
        }
        if (context !== undefined) remember(this.#of(write.key), context, [write]);
      },
      failed: () => end('failed'),
      indeterminate: () => end('indeterminate'),
    };
  }
}

function remember(history: KeyHistory, context: string, seen: readonly Write[]): void {
  const known = history.byContext.get(context);
  if (known === undefined) history.byContext.set(context, new Set(seen));
  else for (const write of seen) known.add(write);
}

function judge(key: string, history: KeyHistory | undefined, values: readonly string[]): Violation[] {
  const violations: Violation[] = [];
  const blame = (kind: ViolationKind, value: string) => violations.push({ kind, key, value });
  const returned = new Set(values);
  if (returned.size < values.length) {
    const twice = new Set(values.filter((value, index) => values.indexOf(value) !== index));
    for (const value of twice) blame('returned twice', value);
  }
  const writes = history?.writes ?? [];
  const mayBeOverwritten = seenBy(writes.filter((write) => write.outcome !== 'failed'));
  const acknowledged = writes.filter((write) => write.outcome === 'acknowledged');
  const isOverwritten = seenBy(acknowledged);
  const blindDeletes = writes.filter((write) => write.value === undefined && write.blind && write.outcome !== 'failed');
  for (const value of returned) {
    const write = history?.byValue.get(value);
    if (write === undefined) blame('from nowhere', value);
    else if (write.outcome === 'failed') blame('failed but returned', value);
    else if (isOverwritten.has(write)) {
      const overwrittenBy = acknowledged.filter((other) => seenBy([other]).has(write));
      violations.push({ kind: 'overwritten but returned', key, value, overwrittenBy });
    }
  }
  for (const write of writes) {
    if (write.outcome !== 'acknowledged' || write.value === undefined || returned.has(write.value)) continue;
    // One that was not acknowledged may still be on its way when its client gives up.
    const deleted = blindDeletes.some(
      ({ outcome, endedAt }) => outcome !== 'acknowledged' || (endedAt ?? 0) > write.invokedAt,
    );
    if (!mayBeOverwritten.has(write) && !deleted) blame('lost', write.value);
  }
  return violations;
}

/** Every write that one of these had seen, directly or through others. */
function seenBy(writes: readonly Write[]): Set<Write> {
  const seen = new Set<Write>();
  const open = writes.flatMap((write) => write.saw);
  for (let write = open.pop(); write !== undefined; write = open.pop()) {
    if (seen.has(write)) continue;
    seen.add(write);
    open.push(...write.saw);
  }
  return seen;
}
