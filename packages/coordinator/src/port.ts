import type { z } from 'zod';
import type {
  DeleteRequest,
  GetReply,
  GetRequest,
  keysReplySchema,
  keysRequestSchema,
  PutRequest,
  replicasReplySchema,
  replicasRequestSchema,
  WriteReply,
} from './contract.ts';
import type {
  InspectReply,
  KeyRequest,
  MergeRequest,
  ObjectsReply,
  ObjectsRequest,
  RepairReply,
} from './operator-contract.ts';

export interface CallOptions {
  /** Milliseconds until the request ends in `DEADLINE_EXCEEDED`; default: the node's limit. */
  readonly timeoutMs?: number | undefined;
}

/** Counters since start, for metrics; plain numbers that only grow (gauges are marked). */
export interface CoordinatorStats {
  /** Gauge: requests under way. */
  readonly inFlight: number;
  readonly readRepairs: number;
  readonly hintsWritten: number;
  readonly hintsDelivered: number;
  readonly forwarded: number;
}

/** What operators ask of a cluster by way of any of its nodes; other processes reach the same verbs at `node.<id>.operator`. */
export interface Operator {
  /** What every member holds of a key; those that do not answer are told as such. */
  inspect(request: KeyRequest, options?: CallOptions): Promise<InspectReply>;
  /** Makes the owners that can be reached equal. Rejects, with nothing written, when a copy that was found cannot be fetched. */
  repair(request: KeyRequest, options?: CallOptions): Promise<RepairReply>;
  /** A page of a bucket's objects: what R owners hold of each key, merged. */
  objects(request: ObjectsRequest, options?: CallOptions): Promise<ObjectsReply>;
  /** Merges an object, with its clock, into its owners: on W disks when it resolves. Twice is as good as once. */
  merge(request: MergeRequest, options?: CallOptions): Promise<object>;
}

/** The coordinator of a node as its own process sees it; other processes reach the same verbs by subject. */
export interface Coordinator {
  get(request: GetRequest, options?: CallOptions): Promise<GetReply>;
  put(request: PutRequest, options?: CallOptions): Promise<WriteReply>;
  delete(request: DeleteRequest, options?: CallOptions): Promise<WriteReply>;
  keys(request: z.infer<typeof keysRequestSchema>, options?: CallOptions): Promise<z.infer<typeof keysReplySchema>>;
  replicas(
    request: z.infer<typeof replicasRequestSchema>,
    options?: CallOptions,
  ): Promise<z.infer<typeof replicasReplySchema>>;
  /** What operators ask. */
  readonly operator: Operator;
  stats(): CoordinatorStats;
  /** Refuses new requests, lets those under way end, stops the handoff. */
  close(): Promise<void>;
}
