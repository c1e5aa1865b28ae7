import { createBus } from '@ringfort/bus';
import { type Bucket, connect, type DeleteOptions, text, type WriteOptions } from '@ringfort/client';
import { decodeContext } from '@ringfort/versioning';
import type { SeededRandom, VirtualClock } from '../../src/index.ts';
import type { EventLog } from '../event-log.ts';
import { NodeClock } from '../node-clock.ts';
import type { SimNetwork, SimTransport } from '../sim-network.ts';
import type { Wording } from '../wording.ts';

export interface ScriptClientWorld {
  readonly clock: VirtualClock;
  readonly network: SimNetwork;
  readonly log: EventLog;
  readonly wording: Wording;
  readonly random: SeededRandom;
}

/** A request of a script. */
export interface ScriptRequest {
  readonly kind: 'get' | 'put' | 'delete';
  readonly bucket: string;
  readonly key: string;
  readonly value?: string | undefined;
  readonly options: WriteOptions & DeleteOptions;
}

/** An application process of a script: it tells how each of its requests ended, and knows the context that it was given last for each key. */
export class ScriptClient {
  readonly id: string;
  readonly transport: SimTransport;
  /** By bucket and key: the latest of them is the last. */
  readonly contexts = new Map<string, Uint8Array>();
  readonly #world: ScriptClientWorld;
  readonly #clock: NodeClock;
  #bucketOf: ((name: string) => Bucket<string>) | undefined;

  constructor(id: string, world: ScriptClientWorld) {
    this.id = id;
    this.#world = world;
    this.#clock = new NodeClock(world.clock, world.random.fork());
    this.transport = world.network.connect(`client.${id}`, this.#clock);
  }

  async connect(): Promise<void> {
    const { log, random } = this.#world;
    const { id, transport } = this;
    const clock = this.#clock;
    const onError = (error: unknown, where: string) => log.add(id, `${where}: ${String(error)}`);
    const bus = createBus(transport, { cluster: 'sim', self: transport.self, clock, random: random.fork(), onError });
    const db = await connect({ bus, clock, random: random.fork() });
    this.#bucketOf = (name) => db.bucket(name, { codec: text });
  }

  /** Sends it; resolves when it has ended, either way, and that is in the log. */
  async request(request: ScriptRequest): Promise<void> {
    const { log } = this.#world;
    const { kind, key } = request;
    try {
      log.add(this.id, `${kind} ${key}: ${await this.#send(request)}`);
    } catch (error) {
      const { code, outcome } = error as { code?: string; outcome?: string };
      log.add(this.id, `${kind} ${key} failed: ${code ?? String(error)}${outcome === undefined ? '' : `, ${outcome}`}`);
    }
  }

  async #send({ kind, bucket, key, value = '', options }: ScriptRequest): Promise<string> {
    const at = this.#bucketOf!(bucket);
    if (kind === 'get') {
      const { siblings, context } = await at.get(key, options);
      if (context !== undefined) this.contexts.set(`${bucket}/${key}`, context);
      return `${[...siblings].sort().join(', ') || 'nothing'}; context ${this.#words(context)}`;
    }
    const { siblings, context } = kind === 'put' ? await at.put(key, value, options) : await at.delete(key, options);
    this.contexts.set(`${bucket}/${key}`, context);
    return `done, ${siblings} ${siblings === 1 ? 'value' : 'values'} now; context ${this.#words(context)}`;
  }

  #words(context: Uint8Array | undefined): string {
    return context === undefined ? 'none' : this.#world.wording.context(decodeContext(context), this.id);
  }
}
