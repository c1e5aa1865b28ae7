import type { Membership } from '@ringfort/membership';
import type { SlotView } from '@ringfort/storage';

/** What a node's history says of the partitions that it serves, as `serveStorage` asks for it. */
export function slotViewOf(membership: Pick<Membership, 'self' | 'ring'>): SlotView {
  return {
    slotVersion: (partition) => membership.ring.slotVersion(partition),
    isOwner: (partition) => membership.ring.owners(partition).includes(membership.self),
    ringVersion: () => membership.ring.version,
  };
}
