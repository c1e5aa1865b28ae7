/** Partitions whose part of a lost store has come back: a bit for each. */
export class FilledPartitions {
  #bits: Uint8Array;

  /** @param row what {@link FilledPartitions.with} answered; empty: none */
  constructor(row: Uint8Array = new Uint8Array(0)) {
    this.#bits = Uint8Array.from(row);
  }

  has(partition: number): boolean {
    return ((this.#bits[partition >> 3] ?? 0) & (1 << (partition & 7))) !== 0;
  }

  /** The row with these, too; this one stays as it is. */
  with(partitions: readonly number[]): Uint8Array {
    const last = partitions.reduce((most, partition) => Math.max(most, partition), -1);
    const row = new Uint8Array(Math.max(this.#bits.length, (last >> 3) + 1));
    row.set(this.#bits);
    for (const partition of partitions) row[partition >> 3]! |= 1 << (partition & 7);
    return row;
  }
}
