/**
 * The Ringfort client: typed buckets over a cluster, with the ring known to it, so that a request goes straight to a node that owns its key.
 *
 * @example
 * const db = await connect({ servers: 'nats://127.0.0.1:4222' });
 * const carts = db.bucket('carts', { resolve: (siblings) => [...new Set(siblings.flat())] });
 * await carts.update('alice', (cart = []) => [...cart, 'book']);
 * await db.close();
 *
 * @module
 */
export { Bucket } from './bucket.ts';
export { type ClientEvent, type ClientMode, clientMachine } from './client-machine.ts';
export { bytes, type Codec, json, text } from './codecs.ts';
export { connect, type Db } from './connect.ts';
export {
  AbortedError,
  ClientClosedError,
  CodecError,
  DeadlineExceededError,
  DisconnectedError,
  HintsFullError,
  IndeterminateError,
  InvalidArgumentError,
  InvalidContextError,
  InvalidQuorumError,
  KeyTooLongError,
  OverloadedError,
  QuorumUnavailableError,
  RingfortError,
  SiblingsError,
  TooManySiblingsError,
  UnavailableError,
  UpdateConflictError,
  ValueTooLargeError,
  type WriteOutcome,
} from './errors.ts';
export type { KeysOptions } from './keys.ts';
export type { BusOptions, ConnectOptions, RetryOptions, ServerOptions } from './options.ts';
export type {
  BucketOptions,
  Context,
  DeleteOptions,
  GetOptions,
  GetResult,
  PutResult,
  Quorum,
  WriteOptions,
} from './requests.ts';
export type { ClusterView } from './router.ts';
export type { UpdateOptions } from './update.ts';
