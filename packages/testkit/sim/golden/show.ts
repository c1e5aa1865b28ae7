import type { Store } from '@ringfort/storage';
import type { SimNode } from '../sim-node.ts';
import type { ScriptCluster } from './script-cluster.ts';

const N = 3;
const EVERYTHING = { maxItems: 1_000, maxBytes: 1_000_000 };

/** What each primary holds, and each stand-in that holds anything. */
export function replicaLines(cluster: ScriptCluster, keyName: string): string[] {
  const id = cluster.idOf(keyName);
  const words = (node: SimNode, record: ReturnType<Store['read']>) =>
    record === undefined ? 'nothing' : cluster.wording.object(record.object, node.id);
  const primaries = new Set(cluster.preferenceList(id).slice(0, N));
  return cluster.byName.flatMap((node) => {
    const store = cluster.storeOf(node);
    const [record, hint] = [store.read(id), store.readHint(id)];
    const name = `${cluster.nameOf(node.id)}${node.running ? '' : ' (down)'}`;
    return [
      ...(primaries.has(node.id) || record !== undefined ? [`${name} ${words(node, record)}`] : []),
      ...(hint === undefined ? [] : [`${name} for ${owedTo(cluster, store)}: ${words(node, hint)}`]),
    ];
  });
}

/** Who owes what to whom. */
export function hintLines(cluster: ScriptCluster): string[] {
  const lines = cluster.byName.flatMap((node) => {
    const name = `${cluster.nameOf(node.id)}${node.running ? '' : ' (down)'}`;
    const store = cluster.storeOf(node);
    return store
      .hintStats()
      .filter(({ count }) => count > 0)
      .map(({ target }) => {
        const keys = store.hints(target, undefined, EVERYTHING).items.map(({ id }) => id.key);
        return `${name} owes ${cluster.nameOf(target)}: ${keys.join(' ')}`;
      })
      .sort();
  });
  return lines.length === 0 ? ['no hints'] : lines;
}

/** What each node takes the others for, where that is not `up`. */
export function peerLines(cluster: ScriptCluster): string[] {
  const lines = cluster.byName.flatMap(({ id, life }) =>
    (life?.membership.peers() ?? [])
      .filter(({ status }) => status === 'down' || status === 'suspect')
      .map((peer) => `${cluster.nameOf(id)} takes ${cluster.nameOf(peer.id)} for ${peer.status}`)
      .sort(),
  );
  return lines.length === 0 ? ['all take each other for up'] : lines;
}

export function ringLines(cluster: ScriptCluster, keyName: string): string[] {
  const names = cluster.preferenceList(cluster.idOf(keyName)).map((node) => cluster.nameOf(node));
  return [`${keyName}: ${names.slice(0, N).join(' ')}, then ${names.slice(N).join(' ')}`];
}

function owedTo(cluster: ScriptCluster, store: Store): string {
  const targets = store.hintStats().filter(({ count }) => count > 0);
  return targets
    .map(({ target }) => cluster.nameOf(target))
    .sort()
    .join(' ');
}
