import type { DeleteOptions, WriteOptions } from '@ringfort/client';
import { noLinkFaults } from '../link-faults.ts';
import type { ScriptRequest } from './script-client.ts';
import { SCRIPT_BUCKET, ScriptCluster } from './script-cluster.ts';
import { hintLines, peerLines, replicaLines, ringLines } from './show.ts';
import { transcript } from './transcript.ts';

const STRAGGLERS_MS = 2;
const REQUEST_MS = 10_000;
const AWAIT_MS = 60_000;

/** Runs the commands of one script, block by block, on a cluster of its own. */
export class Interpreter {
  #cluster: ScriptCluster | undefined;
  /** Contexts that the script has named. */
  readonly #contexts = new Map<string, Uint8Array>();
  #gossip = false;
  #from = 0;
  #fromMs = 0;

  /** What the commands of one block print: what happened, then what they show. @throws RangeError for what is no command */
  async block(commands: readonly string[]): Promise<string[]> {
    this.#begin();
    const shown: string[] = [];
    for (const command of commands) shown.push(...(await this.#run(command)));
    const cluster = this.#running();
    if (cluster.dots.broken.length > 0) throw new Error(cluster.dots.broken.map(({ what }) => what).join('\n'));
    return [...transcript(cluster, cluster.log.entries.slice(this.#from), this.#fromMs, this.#gossip), ...shown];
  }

  /** What happens is told from here on. */
  #begin(): void {
    this.#from = this.#cluster?.log.entries.length ?? 0;
    this.#fromMs = this.#cluster?.clock.monotonicMs() ?? 0;
  }

  #running(): ScriptCluster {
    if (this.#cluster === undefined) throw new RangeError('a script begins with `nodes`');
    return this.#cluster;
  }

  async #run(command: string): Promise<string[]> {
    const [verb = '', ...words] = command.split(/\s+/);
    const setUp = this.#setUps[verb];
    if (setUp !== undefined) {
      await setUp(words);
      this.#begin();
      return [];
    }
    const cluster = this.#running();
    if (cluster.clients.has(verb)) {
      await this.#finished(this.#request(verb, words));
      return [];
    }
    const run = this.#commands[verb];
    if (run === undefined) throw new RangeError(`no command ${verb}`);
    return (await run(words)) ?? [];
  }

  /** What comes before the story: its messages are not told. */
  readonly #setUps: Readonly<Record<string, (words: string[]) => Promise<undefined>>> = {
    nodes: (words) => this.#found(words),
    clients: (names) => this.#each(names, (name) => this.#running().addClient(name)),
  };

  readonly #commands: Readonly<
    Record<string, (words: string[]) => undefined | string[] | Promise<undefined | string[]>>
  > = {
    bucket: ([name = '', conflict = '']) => this.#bucket(name, conflict),
    start: ([client = '', ...words]) => {
      void this.#request(client, words);
    },
    advance: ([ms]) => this.#pass(Number(ms)),
    await: ([what = '', node = '']) => this.#await(what, node),
    show: ([what = '', key = '']) => this.#show(what, key),
    gossip: ([on]) => {
      this.#gossip = on === 'on';
    },
    kill: (names) => this.#nodes(names, (node) => node.kill(true)),
    'power-off': (names) =>
      this.#nodes(names, (node) => {
        node.kill(true);
        node.disk.losePower();
      }),
    stop: (names) => this.#each(names, (name) => this.#finished(this.#running().node(name).stop())),
    restart: (names) => this.#nodes(names, (node) => this.#running().start(node)),
    pause: (names) => this.#nodes(names, (node) => node.clock?.pause()),
    resume: (names) => this.#nodes(names, (node) => node.clock?.resume()),
    disconnect: (names) => this.#nodes(names, (node) => node.transport?.disconnect()),
    reconnect: (names) => this.#nodes(names, (node) => node.transport?.reconnect()),
    cut: (words) => this.#cut(words),
    heal: () => {
      this.#running().network.faults.heal();
    },
    duplicate: ([on]) => {
      this.#running().network.faults.rates = { ...noLinkFaults, duplicate: on === 'on' ? 1 : 0 };
    },
  };

  async #found([count, ...options]: string[]): Promise<undefined> {
    const key = options.find((word) => word.startsWith('key='))?.slice('key='.length);
    this.#cluster = new ScriptCluster(Number(count));
    await this.#cluster.found(key);
  }

  async #each(names: readonly string[], act: (name: string) => Promise<unknown>): Promise<undefined> {
    for (const name of names) await act(name);
  }

  #nodes(names: readonly string[], act: (node: ReturnType<ScriptCluster['node']>) => void): undefined {
    for (const name of names) act(this.#running().node(name));
  }

  async #bucket(name: string, conflict: string): Promise<undefined> {
    if (conflict !== 'lww' && conflict !== 'siblings') throw new RangeError(`no conflict rule ${conflict}`);
    const [node] = this.#running().running;
    await this.#finished(node!.life!.membership.configureBucket(name, { n: 3, r: 2, w: 2, conflict }));
  }

  #request(client: string, [kind, keyName = '', ...words]: string[]): Promise<void> {
    if (kind !== 'get' && kind !== 'put' && kind !== 'delete') throw new RangeError(`no request ${kind}`);
    const [key = '', bucket = SCRIPT_BUCKET] = keyName.split('/').reverse();
    const value = kind === 'put' ? words.shift() : undefined;
    const settings = new Map(words.map((word) => word.split('=', 2) as [string, string]));
    const sender = this.#running().client(client);
    const contextName = settings.get('context');
    const saveAs = settings.get('as');
    const last = () => sender.contexts.get(`${bucket}/${key}`);
    const context = contextName === 'last' ? last() : contextName && this.#contexts.get(contextName);
    if (contextName !== undefined && !context) throw new RangeError(`no context ${contextName}`);
    const options = { ...optionsOf(settings), ...(context && { context }) };
    const request: ScriptRequest = { kind, bucket, key, value, options };
    return sender.request(request).then(() => {
      const context = last();
      if (saveAs !== undefined && context !== undefined) this.#contexts.set(saveAs, context);
    });
  }

  /** Lets time pass until the work has ended, and a little more for what comes late. */
  async #finished(work: Promise<unknown>): Promise<void> {
    let ended = false;
    const watched = work.then(() => {
      ended = true;
    });
    if (!(await this.#running().until(REQUEST_MS, () => ended, 1))) throw new Error('it does not end');
    await watched;
    await this.#pass(STRAGGLERS_MS);
  }

  async #pass(ms: number): Promise<undefined> {
    if (!(ms >= 0)) throw new RangeError('how many milliseconds?');
    await this.#running().clock.advanceAsync(ms);
  }

  async #await(what: string, name: string): Promise<undefined> {
    const cluster = this.#running();
    const others = () => cluster.running.filter(({ id }) => cluster.nameOf(id) !== name);
    const isUp = () => others().map(({ life }) => life?.membership.isUp(cluster.node(name).id));
    const hints = () => cluster.running.flatMap(({ life }) => life?.store.hintStats() ?? []);
    const conditions: Record<string, () => boolean> = {
      hints: () => hints().every(({ count }) => count === 0),
      up: () => cluster.node(name).life !== undefined && isUp().every((up) => up === true),
      down: () => isUp().every((up) => up === false),
    };
    const condition = conditions[what];
    if (condition === undefined) throw new RangeError(`await what? ${Object.keys(conditions).join(', ')}`);
    if (!(await cluster.until(AWAIT_MS, condition))) throw new Error(`await ${what} ${name}: it does not come to it`);
  }

  #show(what: string, key: string): string[] {
    const cluster = this.#running();
    if (what === 'replicas') return replicaLines(cluster, key);
    if (what === 'hints') return hintLines(cluster);
    if (what === 'peers') return peerLines(cluster);
    if (what === 'ring') return ringLines(cluster, key);
    throw new RangeError('show what? replicas KEY, hints, peers, ring KEY');
  }

  /** `cut a -> b`, or groups of names: `cut a b | c`. */
  #cut(words: readonly string[]): undefined {
    const cluster = this.#running();
    const { faults } = cluster.network;
    const oneWay = words.indexOf('->');
    const at = oneWay === -1 ? words.indexOf('|') : oneWay;
    if (at === -1) throw new RangeError('cut a -> b, or cut a b | c');
    const names = (some: readonly string[]) => some.map((name) => cluster.identityOf(name));
    for (const a of names(words.slice(0, at))) {
      for (const b of names(words.slice(at + 1))) {
        faults.cutOneWay(a, b);
        if (oneWay === -1) faults.cutOneWay(b, a);
      }
    }
  }
}

function optionsOf(settings: ReadonlyMap<string, string>): WriteOptions & DeleteOptions {
  const number = (name: string) => (settings.has(name) ? Number(settings.get(name)) : undefined);
  const sloppy = settings.has('sloppy') ? settings.get('sloppy') === 'true' : undefined;
  const given = { r: number('r'), w: number('w'), dw: number('dw'), timeoutMs: number('timeout'), sloppy };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
