import type { MembershipRecord, Ring, RingVersion, SlotMove } from '@ringfort/ring';

/** `GET /v1/cluster/moves`: what is still to change hands, as the answering node knows it. */
export interface MovesStatus {
  readonly self: string;
  readonly ringVersion: RingVersion;
  readonly partitions: number;
  /** Slots that have changed hands since the members changed last. */
  readonly done: number;
  /** Those that are yet to; of a partition only the first goes on. */
  readonly moves: readonly SlotMove[];
}

export function movesStatus(self: string, ring: Ring, history: readonly MembershipRecord[]): MovesStatus {
  const moves: SlotMove[] = [];
  for (let partition = 0; ring.founded && partition < ring.partitions; partition++) {
    moves.push(...ring.moves(partition));
  }
  return { self, ringVersion: ring.version, partitions: ring.partitions, done: handedOver(history, moves), moves };
}

/** A succession has the records of several witnesses, and is done when the move is none any more. */
function handedOver(history: readonly MembershipRecord[], left: readonly SlotMove[]): number {
  const changes = history.filter(({ kind }) => kind.startsWith('node.') && kind !== 'node.left');
  const changedAt = Math.max(0, ...changes.map(({ lamport }) => lamport));
  const done = new Set<string>();
  for (const record of history) {
    if (record.kind === 'slot.handedOver' && record.lamport > changedAt) done.add(nameOf(record));
  }
  for (const move of left) done.delete(nameOf(move));
  return done.size;
}

function nameOf({ partition, replica, turn }: Pick<SlotMove, 'partition' | 'replica' | 'turn'>): string {
  return `${partition} ${replica} ${turn}`;
}
