import type { Ring } from '@ringfort/ring';
import type { SlotView } from '@ringfort/storage';

/** What a node's history says of the partitions that it serves, as `serveStorage` asks for it. @param ring as it is now */
export function slotViewOf(self: string, ring: () => Ring): SlotView {
  return {
    slotVersion: (partition) => ring().slotVersion(partition),
    isOwner: (partition) => ring().owners(partition).includes(self),
    isKnown: (node) => ring().knows(node),
    ringVersion: () => ring().version,
  };
}
