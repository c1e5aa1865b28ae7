/** What a detector believes of its peer. */
export type Suspicion = 'up' | 'suspect' | 'down';

/**
 * What can be known of a peer. The place where a graded suspicion (phi-accrual) or the word of other peers (indirect confirmation) enters
 * is a further member of this union.
 * - `answered`: it replied to this node, to a probe or to any request.
 * - `no-responders`: NATS says that nobody listens on its subject: the process is gone.
 * - `refused`: it replied that it does not serve under this id.
 * - `unanswered`: a request got no answer in time: hung, slow or unlucky.
 * - `probe-unanswered`: nor did the probe that followed.
 * - `silent`: no sign of life has reached this node, directly or by gossip, for that long.
 */
export type Evidence =
  | { readonly kind: 'answered' }
  | { readonly kind: 'no-responders' }
  | { readonly kind: 'refused' }
  | { readonly kind: 'unanswered' }
  | { readonly kind: 'probe-unanswered' }
  | { readonly kind: 'silent'; readonly silentMs: number; readonly limitMs: number };

/**
 * Judges a peer by one more piece of evidence. Hard evidence decides at once. Soft evidence (one request unanswered, silence) only makes an
 * `up` peer suspect: the probe that follows decides.
 */
export function judge(suspicion: Suspicion, evidence: Evidence): Suspicion {
  switch (evidence.kind) {
    case 'answered':
      return 'up';
    case 'no-responders':
    case 'refused':
      return 'down';
    case 'probe-unanswered':
      return suspicion === 'up' ? 'suspect' : 'down';
    case 'unanswered':
      return suspicion === 'up' ? 'suspect' : suspicion;
    case 'silent':
      return suspicion === 'up' && evidence.silentMs >= evidence.limitMs ? 'suspect' : suspicion;
  }
}

/** A heartbeat advances once a second, however short the rounds are. */
export const beatMs = 1000;

/**
 * How long a peer may be silent before it is suspected: the rounds after which gossip has carried news to everybody with high probability
 * (push-pull with one random peer per round: log2 n + ln n, Pittel 1987), and one to spare. 5 nodes and 1 s rounds: 5 s.
 */
export function suspectAfterMs(nodes: number, roundMs: number): number {
  const count = Math.max(2, nodes);
  return roundMs * (1 + Math.ceil(Math.log2(count) + Math.log(count)));
}

/**
 * Own time that counts as listening. A round that took much longer than planned means that this process was stopped or its event loop
 * blocked, and a disconnected bus hears nobody: neither is silence of the others.
 * @returns milliseconds to add to the time listened.
 */
export function listenedMs(elapsedMs: number, roundMs: number, connected: boolean): number {
  return connected && elapsedMs <= 2 * roundMs ? elapsedMs : 0;
}

/** Whether a probe's deadline says something of the peer: not when this process itself came late to its own timer. */
export function isPunctual(elapsedMs: number, timeoutMs: number): boolean {
  return elapsedMs <= timeoutMs + 100;
}
