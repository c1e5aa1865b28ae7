import type { Address, BusFailure } from '@ringfort/bus';

/**
 * One place that requests are sent to, and what this client has seen of it. The counts tell whether a "no responders" or "protocol
 * mismatch" notice can mean one certain request, or several: the bus fails everything pending for the address at once, though what was
 * sent earlier may have been delivered before the node died (or was upgraded).
 */
export class Peer {
  readonly id: string;
  readonly address: Address;
  #pending = 0;
  #sent = 0;
  /** A request ended here without an answer (deadline, abort): a late notice may still belong to that one. */
  #doubtful = false;

  constructor(id: string, address: Address) {
    this.id = id;
    this.address = address;
  }

  /** Counts a request. What it answers goes back to {@link Peer.end}; 0 when others are under way or unaccounted for. */
  begin(): number {
    const alone = this.#pending === 0 && !this.#doubtful;
    this.#pending++;
    this.#sent++;
    return alone ? this.#sent : 0;
  }

  /** Counts the end of a request, and answers whether the request may have been delivered. */
  end(ticket: number, failure: BusFailure | undefined, answered: boolean): boolean {
    this.#pending--;
    if (answered) this.#doubtful = false;
    else if (failure?.code === 'DEADLINE_EXCEEDED' || failure?.code === 'ABORTED') this.#doubtful = true;
    const aboutAll = failure?.code === 'NO_RESPONDERS' || failure?.code === 'PROTOCOL_MISMATCH';
    return !aboutAll || ticket === 0 || ticket !== this.#sent;
  }
}

/** How long a suspect is left alone before it is probed: doubles from `minMs` with each failed probe, up to `maxMs`. */
export function probeDelayMs(failures: number, minMs: number, maxMs: number): number {
  return Math.min(maxMs, minMs * 2 ** Math.min(failures, 30));
}

/** The first healthy node of the list that was not tried yet; when all of those are suspect, the first untried. */
export function pickNode(
  list: readonly string[],
  isSuspect: (node: string) => boolean,
  tried: readonly string[],
): string | undefined {
  let fallback: string | undefined;
  for (const node of list) {
    if (tried.includes(node)) continue;
    if (!isSuspect(node)) return node;
    fallback ??= node;
  }
  return fallback;
}
