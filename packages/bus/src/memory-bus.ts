import type { BusOptions } from './bus-parts.ts';
import { type CountedBus, createBus } from './create-bus.ts';
import type { MemoryNetwork } from './memory-network.ts';

export interface MemoryBusOptions extends BusOptions {
  readonly network: MemoryNetwork;
}

/**
 * A bus over a network inside this process; on the network's clock unless told otherwise. Codec, frames and limits are those of `natsBus`.
 *
 * ```ts
 * const network = memoryNetwork();
 * const bus = memoryBus({ network, cluster: 'dev', self: 'node.n1' });
 * ```
 */
export function memoryBus(options: MemoryBusOptions): CountedBus {
  const { network } = options;
  return createBus(network.connect(options.self), { ...options, clock: options.clock ?? network.clock });
}
