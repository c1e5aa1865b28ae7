import { type History, type MembershipRecord, type Ring, retiredIds } from '@ringfort/ring';
import {
  AlreadyMemberError,
  LastNodeError,
  NothingChangesError,
  RemovesItselfError,
  RetiredIdError,
  UnknownNodeError,
} from './change-errors.ts';
import type { ClusterChange } from './changes.ts';

/** Stands in plans for the store of a node that has not been heard. No record is written with it. */
export const unknownStore = '?';

const defaults = { weight: 1, zone: 'default' };

/**
 * The record that a change becomes.
 * @throws a {@link ChangeRefusedError} when it makes no sense on this history
 */
export function recordOfChange(history: History, change: ClusterChange, author: string, lamport: number) {
  refuse(history.ring, retiredIds(history), change, author);
  const common = { lamport, author, node: change.node };
  return recordOf(change, common);
}

function recordOf(change: ClusterChange, common: { lamport: number; author: string; node: string }): MembershipRecord {
  switch (change.type) {
    case 'add': {
      const { store = unknownStore, weight = defaults.weight, zone = defaults.zone } = change;
      return { ...common, kind: 'node.added', store, weight, zone };
    }
    case 'leave':
      return { ...common, kind: 'node.leaving' };
    case 'stay':
      return { ...common, kind: 'node.staying' };
    case 'remove':
      return { ...common, kind: 'node.removed' };
    case 'replace':
      return { ...common, kind: 'node.replaced', by: change.by, store: change.store ?? unknownStore };
    case 'reweight':
      return { ...common, kind: 'node.reweighted', weight: change.weight };
    case 'rezone':
      return { ...common, kind: 'node.rezoned', zone: change.zone };
  }
}

function refuse(ring: Ring, retired: ReadonlySet<string>, change: ClusterChange, author: string): void {
  const { type, node } = change;
  if (type === 'add') {
    refuseNewcomer(ring, retired, node);
    return;
  }
  const known = ring.node(node);
  if (known === undefined) throw new UnknownNodeError({ node, retired: retired.has(node) });
  if (type === 'replace') refuseNewcomer(ring, retired, change.by);
  if ((type === 'remove' || type === 'replace') && node === author) throw new RemovesItselfError({ node });
  const othersStay = ring.nodes.some((other) => other.id !== node && other.leaving !== true);
  if ((type === 'remove' || type === 'leave') && !othersStay) throw new LastNodeError({ node });
  const idle =
    (type === 'leave' && known.leaving === true) ||
    (type === 'stay' && known.leaving !== true) ||
    (type === 'reweight' && known.weight === change.weight) ||
    (type === 'rezone' && known.zone === change.zone);
  if (idle) throw new NothingChangesError({ node, change: type });
}

function refuseNewcomer(ring: Ring, retired: ReadonlySet<string>, node: string): void {
  if (ring.node(node) !== undefined) throw new AlreadyMemberError({ node });
  if (retired.has(node)) throw new RetiredIdError({ node });
}
