import type { Store } from '@ringfort/storage';
// A second reckoning of what the store reckons as it writes: from the records alone.
import { hash64 } from '../../storage/src/hash.ts';
import { primaryKey } from '../../storage/src/keys-core.ts';
import { leafPlace, leafShare, PartitionLeaves } from '../../storage/src/leaves.ts';
import type { SimCluster } from './cluster.ts';
import type { BrokenInvariant } from './violations.ts';

/** More than a run's records, which are a few keys'. */
const ALL = { maxItems: 1_000_000, maxBytes: 2 ** 30 };

/**
 * S2: what stores keep beside their records follows from these, whatever their disks lost: leaves, by which replicas are to be compared, and counts.
 * Partitions with a record that cannot be read are passed over: nothing says what its leaf was.
 */
export function checkDerived({ nodes }: Pick<SimCluster, 'nodes'>, partitions: number): BrokenInvariant[] {
  return nodes.flatMap(({ id, life }) =>
    life === undefined
      ? []
      : wrongsOf(life.store, partitions).map((what) => ({ invariant: 'S2', what: `${id} ${what}` })),
  );
}

function wrongsOf(store: Store, partitions: number): string[] {
  const wrongs: string[] = [];
  let found = 0;
  for (let partition = 0; partition < partitions; partition += 1) {
    const { items } = store.fold({ partition }, ALL);
    found += items.length;
    const expected = new PartitionLeaves(undefined);
    for (const { id, record } of items) {
      if (record === undefined) continue;
      const { leaf, keyHash } = leafPlace(primaryKey(id));
      expected.xor(leaf, leafShare(keyHash, hash64(record.bytes)));
    }
    const [kept, follows] = [store.leaves(partition), expected.digests()].map(text);
    if (kept !== follows && items.every(({ record }) => record !== undefined))
      wrongs.push(`has for partition ${partition} the leaves ${kept}, from its records follow ${follows}`);
  }
  const { records, hintRecords } = store.stats();
  if (records !== found) wrongs.push(`counts ${records} records and has ${found}`);
  if (store.hintStats().length === 0 && hintRecords !== 0)
    wrongs.push(`owes nothing, and counts ${hintRecords} stand-in records`);
  return wrongs;
}

const text = (leaves: ReadonlyMap<number, string>) =>
  `[${[...leaves].map(([leaf, digest]) => `${leaf}: ${digest}`).join(' ')}]`;
