/**
 * The Ringfort message port: requests, events and replies between addresses, over NATS or inside one process.
 *
 * ```ts
 * const network = memoryNetwork();
 * const server = memoryBus({ network, cluster: 'dev', self: 'node.n1' });
 * const client = memoryBus({ network, cluster: 'dev', self: 'client.c1' });
 * const double = defineContract({ verb: 'double', request: z.int(), reply: z.int() });
 * server.serve('node.n1.math', double, (n) => n * 2);
 * await client.request('node.n1.math', double, 21, { timeoutMs: 1000 }); // 42
 * ```
 */
export { type BridgedEvent, type ServeActorOptions, serveActor } from './bridge.ts';
export type { BusOptions } from './bus-parts.ts';
export type { Clock, Random } from './clock.ts';
export { type ConnectionEvent, connectionMachine } from './connection-machine.ts';
export { defineContract, PREVIOUS_PROTOCOL_VERSION, PROTOCOL_VERSION } from './contract.ts';
export { type CountedBus, createBus } from './create-bus.ts';
export { Deadline, DeadlineWheel } from './deadline-wheel.ts';
export * from './errors.ts';
export { type BusLimits, type BusStats, defaultLimits } from './limits.ts';
export { type MemoryBusOptions, memoryBus } from './memory-bus.ts';
export { type Link, type MemoryNetwork, type MemoryNetworkOptions, memoryNetwork } from './memory-network.ts';
export { type NatsAuth, type NatsBusOptions, type NatsTls, natsBus } from './nats-bus.ts';
export type {
  Address,
  Answerer,
  Bus,
  BusFailure,
  BusStatus,
  Callback,
  Contract,
  Done,
  EachCallback,
  Handler,
  Inbound,
  RequestOptions,
  SendOptions,
  Subscription,
  WireError,
} from './port.ts';
export { type Schedule, systemClock, systemRandom } from './system-clock.ts';
export type { Transport, TransportMessage, TransportStatus, TransportSubscription } from './transport.ts';
