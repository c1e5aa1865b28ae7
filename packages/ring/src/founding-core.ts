import type { MembershipRecord } from './contract.ts';
import type { RingNode } from './port.ts';

type FoundedRecord = Extract<MembershipRecord, { kind: 'node.founded' }>;

export interface Founding {
  readonly nodes: readonly RingNode[];
  readonly partitions: number;
  /** Equal for equal foundings. */
  readonly key: string;
}

/** What founders must agree on: their list and Q. */
function termsOf(record: FoundedRecord): string {
  return JSON.stringify([record.partitions, ...record.founders]);
}

/**
 * The founding that a history holds, if it is complete: some list whose every member has a `node.founded` record with exactly this list
 * and Q. Of two records for one node the first in order counts, so lists that share a node cannot both be complete; of complete
 * foundings that share none, the one whose first record comes first wins, and the others are as if they had never been. `sorted` is in
 * the order of the history. A founding comes before all other records, whatever their Lamport times.
 */
export function findFounding(sorted: readonly MembershipRecord[]): Founding | undefined {
  const firstOf = new Map<string, FoundedRecord>();
  const partiesOf = new Map<string, FoundedRecord[]>();
  for (const record of sorted) {
    if (record.kind !== 'node.founded' || firstOf.has(record.node)) continue;
    firstOf.set(record.node, record);
    if (!record.founders.includes(record.node)) continue;
    const terms = termsOf(record);
    partiesOf.set(terms, [...(partiesOf.get(terms) ?? []), record]);
  }
  for (const [terms, party] of partiesOf) {
    const { founders, partitions } = party[0]!;
    if (new Set(founders).size !== party.length) continue;
    const nodes = party.map(({ node, store, weight, zone }): RingNode => ({ id: node, store, weight, zone }));
    const identities = party
      .map((record) => JSON.stringify([record.node, record.store, record.weight, record.zone]))
      .sort();
    return { nodes, partitions, key: [terms, ...identities].join('\n') };
  }
  return undefined;
}
