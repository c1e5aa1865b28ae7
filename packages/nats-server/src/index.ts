/**
 * Finds, starts and stops real nats-server processes on free ports; none outlives the process that started it.
 *
 * @example
 * const server = await startNatsServer();
 * console.log(server.url); // nats://127.0.0.1:41234
 * await server.stop();
 */
export { type NatsCluster, type NatsClusterOptions, type RoutesThrough, startNatsCluster } from './cluster.ts';
export {
  InvalidNatsOptionError,
  NatsPortTakenError,
  NatsServerError,
  NatsServerMissingError,
  NatsServerRefusedError,
  NatsServerSpawnError,
  NatsStartTimeoutError,
} from './errors.ts';
export { findNatsServer, requireNatsServer } from './find.ts';
export { freePorts } from './free-ports.ts';
export { type Exit, logTail, type OwnedProcess, type OwnedProcessOptions, ownProcess } from './owned-process.ts';
export { type NatsServer, type NatsServerOptions, startNatsServer } from './server.ts';
