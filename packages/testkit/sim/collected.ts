import type { RecordId } from '@ringfort/storage';
import { isTombstone } from '@ringfort/versioning';
import type { SimCluster } from './cluster.ts';
import { readable } from './watched-store.ts';

/** Whether no member's store holds a record of these of which nothing but tombstones are left. */
export function isCollected({ members }: SimCluster, ids: readonly RecordId[]): boolean {
  return members.every(({ life }) =>
    ids.every((id) => {
      const object = life === undefined ? undefined : readable(life.store).read(id)?.object;
      return object === undefined || !object.siblings.every(isTombstone);
    }),
  );
}
