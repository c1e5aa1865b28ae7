/**
 * What the tests of all packages stand on: time and randomness that repeat, a network that misbehaves on order, real nats-servers and
 * nodes, and a checker of what clients were told.
 *
 * @example
 * const clock = virtualClock();
 * const faulty = faultyNetwork({ clock, random: seededRandom(7), faults: { drop: 0.1 } });
 * const bus = memoryBus({ network: faulty.network, cluster: 'test', self: 'node.n1' });
 */
export {
  BinaryMissingError,
  ClockRunawayError,
  HistoryMisuseError,
  InvalidFaultError,
  TestkitError,
  TestNodeExitedError,
  TestNodeNotReadyError,
} from './errors.ts';
export {
  type End,
  type FaultCounts,
  type Faults,
  type FaultyNetwork,
  type FaultyNetworkOptions,
  faultyNetwork,
} from './faulty-network.ts';
export {
  type History,
  type HistoryReport,
  type Outcome,
  type PendingWrite,
  type RecordedWrite,
  recordHistory,
  type Violation,
  type ViolationKind,
} from './history.ts';
export { type SeededRandom, seededRandom } from './seeded-random.ts';
export { startTestCluster, type TestCluster, type TestClusterOptions, withTestCluster } from './test-cluster.ts';
export { startTestNode, type TestNode, type TestNodeOptions, workspaceBinary } from './test-node.ts';
export { type VirtualClock, type VirtualClockOptions, virtualClock } from './virtual-clock.ts';
