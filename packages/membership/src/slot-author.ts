import {
  extendHistory,
  type History,
  handOverRecord,
  type MembershipRecord,
  mayRecord,
  type SlotMove,
} from '@ringfort/ring';
import { nextLamport } from './history-core.ts';
import type { HistoryKeeper } from './history-keeper.ts';
import type { SlotRecords } from './port.ts';

export interface SlotAuthorOptions {
  readonly self: string;
  readonly keeper: HistoryKeeper;
  /** The history as it counts now, folded. */
  readonly folded: () => History;
  /** @throws NotAMemberError */
  readonly mustBeMember: () => void;
  /** Tells a record to one peer, and resolves when that answered or did not in time. */
  readonly tellOne: (node: string, record: MembershipRecord) => Promise<void>;
  /** Tells a record to all that are up. */
  readonly tellAll: (record: MembershipRecord) => Promise<void>;
}

/** Writes what only this node can say: that it has handed a slot over, and that it is gone. */
export class SlotAuthor implements SlotRecords {
  readonly #options: SlotAuthorOptions;

  constructor(options: SlotAuthorOptions) {
    this.#options = options;
  }

  async handOver(move: SlotMove, stillHolds: () => boolean): Promise<boolean> {
    const { self, keeper, folded, mustBeMember, tellOne, tellAll } = this.#options;
    mustBeMember();
    const record = await keeper.author((history) => {
      const [first] = folded().ring.moves(move.partition);
      if (first === undefined || !isSame(first, move) || !mayRecord(first, self) || !stillHolds()) return undefined;
      return handOverRecord(first, self, nextLamport(history));
    });
    if (record === undefined) return false;
    // It serves the slot as soon as it knows: until then nobody does.
    if (move.to !== undefined && move.to !== self) await tellOne(move.to, record);
    void tellAll(record);
    return true;
  }

  async depart(): Promise<boolean> {
    const { self, keeper, folded, mustBeMember, tellAll } = this.#options;
    mustBeMember();
    const record = await keeper.author((history) => {
      const gone: MembershipRecord = { kind: 'node.left', lamport: nextLamport(history), author: self, node: self };
      const counts = extendHistory(folded(), [gone]).ring.node(self) === undefined;
      return counts ? gone : undefined;
    });
    if (record === undefined) return false;
    await tellAll(record);
    return true;
  }
}

/** Whether it is the same slot at the same turn, on its way to the same node. */
function isSame(a: SlotMove, b: SlotMove): boolean {
  return a.replica === b.replica && a.turn === b.turn && a.from === b.from && a.to === b.to && a.vacant === b.vacant;
}
