import { readFile } from 'node:fs/promises';
import {
  type Bus,
  type Clock,
  type MemoryNetwork,
  memoryBus,
  type NatsAuth,
  natsBus,
  type Random,
} from '@ringfort/bus';
import type { NodeConfig } from './config.ts';
import { InvalidConfigError } from './errors.ts';

export interface BusSurroundings {
  readonly clock: Clock;
  readonly random: Random;
  /** For `nats: "embedded"`. */
  readonly network?: MemoryNetwork | undefined;
  readonly onError: (error: unknown, where: string) => void;
}

/** The bus that the configuration asks for. With NATS out of reach it is made all the same, and connects once NATS is there. */
export async function openBus(config: NodeConfig, around: BusSurroundings): Promise<Bus> {
  const { clock, random, onError, network } = around;
  const common = { cluster: config.cluster, self: `node.${config.id}`, clock, random, onError };
  if (config.nats === 'embedded') {
    if (network === undefined) {
      throw new InvalidConfigError(
        'nats: "embedded" works only within ringfort dev --embedded, where all nodes share a process; give NATS servers with --nats',
      );
    }
    return memoryBus({ ...common, network });
  }
  return natsBus({ ...common, servers: config.nats, auth: await natsAuth(config), tls: natsTls(config) });
}

async function natsAuth({ natsAuth: auth }: NodeConfig): Promise<NatsAuth | undefined> {
  if (auth?.user !== undefined) return { user: auth.user, pass: auth.pass ?? '' };
  if (auth?.token !== undefined) return { token: auth.token };
  if (auth?.nkeySeed !== undefined) return { nkeySeed: auth.nkeySeed };
  if (auth?.credsFile === undefined) return undefined;
  try {
    return { creds: await readFile(auth.credsFile, 'utf8') };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new InvalidConfigError(`natsAuth.credsFile: cannot be read: ${why}`, { file: auth.credsFile }, cause);
  }
}

function natsTls({ tls }: NodeConfig) {
  if (tls === undefined) return undefined;
  const { caFile, certFile, keyFile } = tls;
  return {
    ...(caFile === undefined ? {} : { caFile }),
    ...(certFile === undefined || keyFile === undefined ? {} : { certFile, keyFile }),
  };
}
