import type { SlotHandedOver } from './contract.ts';
import { seedOf } from './hash-core.ts';
import type { Placed } from './placement-core.ts';
import { defaultReplication } from './shares-core.ts';
import { vacant } from './slots-core.ts';

/** A time during which one node (or nobody) held the slot: the turn is the number of hand-overs before it. */
interface Tenure {
  readonly node: string | undefined;
  readonly turn: number;
}

/** One witness's record that a slot without an owner has a successor. */
interface Claim {
  readonly replica: number;
  readonly turn: number;
  readonly to: string;
  readonly author: string;
  readonly witnesses: readonly string[];
}

/** What the hand-overs of one partition say. Immutable. */
export interface SlotRow {
  /** Of each slot the tenures since its last succession, oldest first. */
  readonly tenures: readonly (readonly Tenure[])[];
  /** Of successions that are not complete, in the order of history. */
  readonly claims: readonly Claim[];
}

/** A slot as it is now. */
export interface SlotState {
  /** Absent: the slot is vacant. */
  readonly owner: string | undefined;
  /** Who held it last. */
  readonly from: string | undefined;
  readonly turn: number;
  /** The successor that witnesses have recorded so far. */
  readonly successor: string | undefined;
  readonly witnessed: readonly string[];
}

const untouched: readonly Tenure[] = Object.freeze([Object.freeze({ node: undefined, turn: 0 })]);

/**
 * One hand-over, in the order of history. What it says is judged by the slot's own past alone, never by who is a member or where the slot
 * should be: such facts can be overtaken by records that come late, and what a node has given up durably must stay given up.
 *
 * - An owner's own hand-over ends its tenure and begins that of the next.
 * - A succession counts when all witnesses that one of its records names have written theirs. It then replaces whatever the former owner
 *   did from that turn on: hand-overs that its witnesses had not heard of when they fenced it off.
 * - Of two successors that one author names for one turn, the first counts.
 *
 * A record that does not fit leaves the row as it is.
 */
export function handOver(row: SlotRow, record: SlotHandedOver): SlotRow {
  if (record.replica >= defaultReplication) return row;
  if (record.witnesses !== undefined) return claim(row, record, record.witnesses);
  const tenures = row.tenures[record.replica] ?? untouched;
  const last = tenures.at(-1)!;
  const fits = record.from === record.author && last.node === record.from && last.turn === record.turn;
  if (!fits || record.to === record.from) return row;
  const next = { node: record.to, turn: record.turn + 1 };
  return joined(withTenures(row, record.replica, [...tenures, next]), record.replica);
}

function claim(row: SlotRow, record: SlotHandedOver, witnesses: readonly string[]): SlotRow {
  const { replica, turn, from, to, author } = record;
  const tenures = row.tenures[replica] ?? untouched;
  const known = tenures.some((tenure) => tenure.turn === turn && tenure.node === from);
  if (!known || to === undefined || to === from || !witnesses.includes(author)) return row;
  const sameTurn = row.claims.filter((other) => other.replica === replica && other.turn === turn);
  if (sameTurn.some((other) => other.author === author && other.to !== to)) return row;
  const claims = [...row.claims, { replica, turn, to, author, witnesses }];
  const agreed = [...sameTurn.filter((other) => other.to === to), claims.at(-1)!];
  const authors = new Set(agreed.map((one) => one.author));
  if (!agreed.some((one) => one.witnesses.every((witness) => authors.has(witness)))) {
    return withTenures({ ...row, claims }, replica, tenures);
  }
  const left = row.claims.filter((other) => other.replica !== replica);
  return joined(withTenures({ ...row, claims: left }, replica, [{ node: to, turn: turn + 1 }]), replica);
}

function withTenures(row: SlotRow, replica: number, tenures: readonly Tenure[]): SlotRow {
  const all = Array.from({ length: Math.max(row.tenures.length, replica + 1) }, (_, at) =>
    at === replica ? tenures : (row.tenures[at] ?? untouched),
  );
  return { ...row, tenures: all };
}

/** A node that came to hold two slots of the partition holds the lower one for both: what was on the two is on that one node. */
function joined(row: SlotRow, changed: number): SlotRow {
  const holderOf = (tenures: readonly Tenure[]) => tenures.at(-1)!.node;
  const node = holderOf(row.tenures[changed]!);
  const other = row.tenures.findIndex((tenures, at) => at !== changed && holderOf(tenures) === node);
  if (node === undefined || other === -1) return row;
  const higher = Math.max(changed, other);
  const tenures = row.tenures[higher]!;
  return withTenures(row, higher, [...tenures, { node: undefined, turn: tenures.at(-1)!.turn + 1 }]);
}

/**
 * The slots of a partition as they are. A slot is vacant when its holder is no member (any more), and from the first claim of a succession
 * on until this is complete: its author has fenced the former owner off, and with it all that this one may have done since.
 */
export function slotStates(row: SlotRow, isMember: (node: string) => boolean): SlotState[] {
  return row.tenures.map((tenures, replica) => {
    const mine = row.claims.filter((one) => one.replica === replica);
    if (mine.length === 0) return heldBy(tenures.at(-1)!, isMember);
    const first = mine.reduce((least, one) => (one.turn < least.turn ? one : least));
    const agreed = mine.filter((one) => one.turn === first.turn && one.to === first.to);
    const from = tenures.find((tenure) => tenure.turn === first.turn)!.node;
    const witnessed = agreed.map((one) => one.author);
    return { owner: undefined, from, turn: first.turn, successor: first.to, witnessed };
  });
}

const nobody: readonly string[] = Object.freeze([]);

function heldBy({ node, turn }: Tenure, isMember: (node: string) => boolean): SlotState {
  const owner = node !== undefined && isMember(node) ? node : undefined;
  return { owner, from: node, turn, successor: undefined, witnessed: nobody };
}

/** The number that stands for these owners: hand-overs so far above, a hash of who owns what below. */
export function versionOfSlots(slots: readonly SlotState[]): number {
  const turns = slots.reduce((sum, { turn }) => sum + turn, 0);
  return (
    Math.min(turns, 2 ** 21 - 1) * 2 ** 32 + seedOf(slots.map(({ owner, turn }) => `${owner ?? ''} ${turn}`).join())
  );
}

const rowsPerChunk = 64;
type Chunk = readonly (SlotRow | undefined)[];

/** Who owns what, in all partitions. Immutable; a change copies one chunk of rows and the list of chunks. */
export class Ownership {
  /** The owners of rows that no hand-over has touched. */
  readonly founding: Placed;
  readonly #chunks: readonly (Chunk | undefined)[];

  /** The owners that a founding makes. */
  constructor(founding: Placed, chunks: readonly (Chunk | undefined)[] = []) {
    this.founding = founding;
    this.#chunks = chunks;
  }

  isUntouched(partition: number): boolean {
    return this.#changed(partition) === undefined;
  }

  row(partition: number): SlotRow {
    return this.#changed(partition) ?? this.#foundedRow(partition);
  }

  /** The ownership after one more record; the same when the record changes nothing. */
  after(record: SlotHandedOver): Ownership {
    const { replicas, owners } = this.founding.table;
    if (record.partition * replicas >= owners.length) return this;
    const row = this.row(record.partition);
    const next = handOver(row, record);
    return next === row ? this : this.#with(record.partition, next);
  }

  #changed(partition: number): SlotRow | undefined {
    return this.#chunks[Math.floor(partition / rowsPerChunk)]?.[partition % rowsPerChunk];
  }

  #with(partition: number, row: SlotRow): Ownership {
    const at = Math.floor(partition / rowsPerChunk);
    const chunk = [...(this.#chunks[at] ?? [])];
    chunk[partition % rowsPerChunk] = row;
    const chunks = [...this.#chunks];
    chunks[at] = chunk;
    return new Ownership(this.founding, chunks);
  }

  #foundedRow(partition: number): SlotRow {
    const { nodes, table } = this.founding;
    const owners = table.owners.subarray(partition * table.replicas, (partition + 1) * table.replicas);
    const tenures = Array.from(owners, (owner) => [{ node: owner === vacant ? undefined : nodes[owner]!.id, turn: 0 }]);
    return { tenures, claims: [] };
  }
}
