import type { SlotTransfer } from '@ringfort/ring';
import { nodeIdSchema, type RingVersion, zoneSchema } from '@ringfort/ring/contract';
import { z } from 'zod';

const weightSchema = z.number().positive().max(1000);
const storeSchema = z.string().min(1).max(64);

/** What an operator asks for. */
export const clusterChangeSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('add'),
    node: nodeIdSchema,
    /** The three are asked of the node itself when they are absent. */
    store: storeSchema.optional(),
    weight: weightSchema.optional(),
    zone: zoneSchema.optional(),
  }),
  /** It hands its slots over, one after the other, then it may go. */
  z.strictObject({ type: z.literal('leave'), node: nodeIdSchema }),
  /** It does not leave after all. */
  z.strictObject({ type: z.literal('stay'), node: nodeIdSchema }),
  /** It is dead, its disk is lost. */
  z.strictObject({ type: z.literal('remove'), node: nodeIdSchema }),
  /** It is dead, and `by` takes exactly its place. */
  z.strictObject({
    type: z.literal('replace'),
    node: nodeIdSchema,
    by: nodeIdSchema,
    store: storeSchema.optional(),
  }),
  z.strictObject({ type: z.literal('reweight'), node: nodeIdSchema, weight: weightSchema }),
  z.strictObject({ type: z.literal('rezone'), node: nodeIdSchema, zone: zoneSchema }),
]);
export type ClusterChange = z.infer<typeof clusterChangeSchema>;

export const clusterChangesSchema = z.array(clusterChangeSchema).min(1).max(256);

/** One node in a plan: what it has, and what it would have. */
export interface PlannedNode {
  readonly node: string;
  readonly zone: string;
  readonly weight: number;
  /** `joins`, `leaves` or `lost` (removed or replaced); absent for one that is a member before and after. */
  readonly fate?: 'joins' | 'leaves' | 'lost';
  readonly slotsBefore: number;
  readonly slotsAfter: number;
  /** Its feasible weighted share afterwards. */
  readonly share: number;
  readonly gives: number;
  readonly receives: number;
}

/** What changes would do, from the owners as they are to the owners as they would be. */
export interface ClusterPlan {
  /** The history that it was made for. */
  readonly basedOn: RingVersion;
  readonly changes: readonly ClusterChange[];
  readonly partitions: number;
  /** By partition, then replica; those of earlier changes that are still under way among them. */
  readonly moves: readonly SlotTransfer[];
  /** Moves of earlier changes that were still under way. */
  readonly underWay: number;
  readonly nodes: readonly PlannedNode[];
  /** As {@link RingBalance.efficiency}. */
  readonly efficiencyBefore: number;
  readonly efficiencyAfter: number;
  readonly zones: {
    readonly count: number;
    /** Partitions with two replicas in one zone. */
    readonly crowdedBefore: number;
    readonly crowdedAfter: number;
  };
  readonly warnings: readonly string[];
}
