/**
 * A Ringfort node as a library: its configuration, and the composition of all subsystems behind one HTTP interface.
 *
 * @example
 * const node = await startNode(loadConfig({ flags: { id: 'n1', data: '/tmp/n1' } }));
 * console.log(node.httpUrl); // http://127.0.0.1:7001
 * await node.stop();
 *
 * @module
 */
export { type NodeConfig, type NodeConfigInput, nodeConfigSchema } from './config.ts';
export { type ConfigSources, loadConfig } from './config-sources.ts';
export {
  DirectoryNotWritableError,
  InvalidConfigError,
  ListenFailedError,
  NodeError,
  NotReadyError,
  PortTakenError,
  StopTimedOutError,
} from './errors.ts';
export { nodeMachine } from './node-machine.ts';
export { beginNode, type NodeDeps, type NodeEnd, type NodeLife, type RunningNode, startNode } from './start-node.ts';
