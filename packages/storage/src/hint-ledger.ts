import type { OwedRow } from './hint-codec.ts';
import type { HintStats } from './port.ts';

interface Account {
  count: number;
  bytes: number;
  /** How many were taken at each millisecond. */
  readonly takenAt: Map<number, number>;
  /** Undefined: look it up in `takenAt`. */
  oldestMs: number | undefined;
}

/** What is owed to each target, exact, in memory. Rows are those of the index by target. */
export class HintLedger {
  readonly #accounts = new Map<string, Account>();

  bytesOwed(target: string): number {
    return this.#accounts.get(target)?.bytes ?? 0;
  }

  targets(): Iterable<string> {
    return this.#accounts.keys();
  }

  /** A row of the index changed; undefined: it was, or is now, absent. */
  record(target: string, before: OwedRow | undefined, after: OwedRow | undefined): void {
    let account = this.#accounts.get(target);
    if (account === undefined) {
      account = { count: 0, bytes: 0, takenAt: new Map(), oldestMs: undefined };
      this.#accounts.set(target, account);
    }
    if (before !== undefined) {
      account.count--;
      account.bytes -= before.bytes;
      const left = account.takenAt.get(before.takenMs)! - 1;
      if (left > 0) account.takenAt.set(before.takenMs, left);
      else account.takenAt.delete(before.takenMs);
      if (left === 0 && before.takenMs === account.oldestMs) account.oldestMs = undefined;
    }
    if (after !== undefined) {
      account.count++;
      account.bytes += after.bytes;
      account.takenAt.set(after.takenMs, (account.takenAt.get(after.takenMs) ?? 0) + 1);
      if (account.oldestMs !== undefined && after.takenMs < account.oldestMs) account.oldestMs = after.takenMs;
    }
    if (account.count === 0) this.#accounts.delete(target);
  }

  stats(): readonly HintStats[] {
    return [...this.#accounts].map(([target, account]) => {
      account.oldestMs ??= least(account.takenAt.keys());
      return { target, count: account.count, bytes: account.bytes, oldestMs: account.oldestMs };
    });
  }
}

function least(values: Iterable<number>): number {
  let min = Number.POSITIVE_INFINITY;
  for (const value of values) if (value < min) min = value;
  return min;
}
