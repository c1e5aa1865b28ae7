import { type RecordId, replicaInspect } from '@ringfort/storage';
import { codeOf, type Effects, reportFailure, storageAddress } from './effects.ts';
import type { InspectedNode, InspectReply, KeyRequest } from './operator-contract.ts';
import { locate, replicasOf } from './validate.ts';

/** Nodes asked at the same time. */
const NODES_AT_ONCE = 32;

/** A key's place, and what every member holds of it. */
export interface Inspection {
  readonly id: RecordId;
  readonly owners: readonly string[];
  readonly preferenceList: readonly string[];
  /** Of all members, in the order of the preference list. */
  readonly nodes: readonly InspectedNode[];
}

/** Asks every member, those that are taken for down included, what it holds of a key. Never rejects for a node that does not answer. */
export async function inspectKey(fx: Effects, { bucket, key }: KeyRequest, timeoutMs: number): Promise<Inspection> {
  const { ring } = fx.membership;
  const id = locate(ring, fx.limits, bucket, key);
  const list = ring.preferenceList(id.partition);
  const owners = list.slice(0, replicasOf(ring, ring.bucket(bucket)));
  const others = ring.nodes.map((node) => node.id).filter((node) => !list.includes(node));
  const members = [...list, ...others];
  const nodes: InspectedNode[] = [];
  for (let from = 0; from < members.length; from += NODES_AT_ONCE) {
    const some = members.slice(from, from + NODES_AT_ONCE);
    nodes.push(...(await Promise.all(some.map((node) => ask(fx, id, node, owners.includes(node), timeoutMs)))));
  }
  return { id, owners, preferenceList: list, nodes };
}

async function ask(fx: Effects, id: RecordId, node: string, owner: boolean, timeoutMs: number): Promise<InspectedNode> {
  const up = fx.isUp(node);
  try {
    return { node, owner, up, ...(await fx.bus.request(storageAddress(node), replicaInspect, id, { timeoutMs })) };
  } catch (error) {
    reportFailure(fx.membership, node, codeOf(error));
    return { node, owner, up, error: codeOf(error) };
  }
}

/** What an operator is shown of it. */
export function toldOf({ id, owners, preferenceList, nodes }: Inspection): InspectReply {
  const holdsSomething = ({ record, recordError, hint, hintError }: InspectedNode) =>
    (record ?? recordError ?? hint ?? hintError) !== undefined;
  return {
    ...id,
    owners: [...owners],
    preferenceList: [...preferenceList],
    agreement: agreementOf(nodes.filter(({ owner }) => owner)),
    nodes: nodes.filter((one) => one.owner || one.error !== undefined || holdsSomething(one)),
  };
}

function agreementOf(owners: readonly InspectedNode[]): InspectReply['agreement'] {
  const heard = owners.filter(({ error }) => error === undefined);
  // One that cannot be read is not what the others hold.
  const held = new Set(heard.map(({ record, recordError }) => recordError ?? record?.digest ?? 'nothing'));
  if (held.size > 1 || heard.some(({ recordError }) => recordError !== undefined)) return 'differ';
  return heard.length === owners.length ? 'equal' : 'unknown';
}
