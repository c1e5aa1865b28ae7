import type { RoutesThrough } from '@ringfort/nats-server';
import { type Carriage, LinkProxy } from './link-proxy.ts';

/** The routes between the NATS servers of a cluster, each through a proxy of its own. Servers are named by their index. */
export class Routes implements RoutesThrough {
  readonly nowhere: string;
  readonly #deadEnd: LinkProxy;
  readonly #links = new Map<string, LinkProxy>();

  private constructor(deadEnd: LinkProxy) {
    this.#deadEnd = deadEnd;
    this.nowhere = deadEnd.address;
  }

  static async open(): Promise<Routes> {
    const deadEnd = await LinkProxy.start(0);
    deadEnd.cut();
    return new Routes(deadEnd);
  }

  async addressOf(from: number, to: number, port: number): Promise<string> {
    const name = `${from}-${to}`;
    await this.#links.get(name)?.close(); // of an attempt whose ports were taken
    const link = await LinkProxy.start(port);
    this.#links.set(name, link);
    return link.address;
  }

  between(one: number, other: number): LinkProxy {
    const link = this.#links.get(`${Math.min(one, other)}-${Math.max(one, other)}`);
    if (link === undefined) throw new Error(`there is no route between the servers ${one} and ${other}`);
    return link;
  }

  get all(): readonly LinkProxy[] {
    return [...this.#links.values()];
  }

  /** The routes that join the servers of one side with all others. */
  around(side: readonly number[]): LinkProxy[] {
    return [...this.#links].flatMap(([name, link]) => {
      const [from, to] = name.split('-').map(Number);
      return side.includes(from!) === side.includes(to!) ? [] : [link];
    });
  }

  /** One direction: nothing that `from` sends reaches `to`. */
  setOneWay(from: number, to: number, carriage: Partial<Carriage>): void {
    this.between(from, to).set(carriage, [from < to ? 'forth' : 'back']);
  }

  heal(): void {
    for (const link of this.#links.values()) link.heal();
  }

  async close(): Promise<void> {
    await Promise.all([this.#deadEnd, ...this.#links.values()].map((link) => link.close()));
  }
}
