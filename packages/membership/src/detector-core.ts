/** What a detector believes of its peer. */
export type Suspicion = 'up' | 'suspect' | 'down';

/**
 * What can be known of a peer. Numbers are suspicions as `phi-core.ts` has them.
 * - `answered`: it replied to this node, to a probe or to any request.
 * - `no-responders`: NATS says that nobody listens on its subject: the process is gone.
 * - `refused`: it replied that it does not serve under this id.
 * - `unanswered`: a request got no answer in time: hung, slow or unlucky.
 * - `silent`: no sign of life has reached this node, directly or by gossip.
 * - `accused`: another node, having asked others itself, believes it is down.
 * - `refuted`: it has raised its incarnation since it was suspected: it lives.
 * - `probed`: a probe ended without an answer. Of the helpers that were asked to ping it, some say that it does not answer them either, or one
 *   says that it does.
 */
export type Evidence =
  | { readonly kind: 'answered' }
  | { readonly kind: 'no-responders' }
  | { readonly kind: 'refused' }
  | { readonly kind: 'unanswered'; readonly phi: number }
  | { readonly kind: 'silent'; readonly phi: number }
  | { readonly kind: 'accused'; readonly phi: number }
  | { readonly kind: 'refuted' }
  | {
      readonly kind: 'probed';
      readonly phi: number;
      readonly helpers: number;
      readonly denials: { readonly count: number; readonly phi: number };
      readonly vouched: boolean;
    };

/** What speaks against a suspect so far. */
export interface Doubt {
  /** What this node itself has seen. */
  readonly own: number;
  /** How much of that was before the last proof that it lives: others reached it, or it refuted. */
  readonly disproved: number;
  /** What others say, since that proof. */
  readonly others: number;
  /** Whether a helper could be asked. */
  readonly asked: boolean;
}

export const noDoubt: Doubt = { own: 0, disproved: 0, others: 0, asked: false };

/** What is believed of a peer, and why. */
export interface Belief {
  readonly suspicion: Suspicion;
  readonly doubt: Doubt;
}

/** Silence of this much only makes a suspect. */
export const suspectPhi = 3;
/** A suspect of this much is down: its looking so by chance has a probability of 1e-8. */
export const downPhi = 8;
/** A suspect that leaves this node alone unanswered by that much is out of its reach. */
export const outOfReachPhi = 3 * downPhi;
/** As much silence may count towards that: it proves nothing, and a probe follows. */
const mostSilencePhi = 3;

/**
 * Judges a peer by one more piece of evidence. Hard evidence decides at once. Soft evidence makes an `up` peer suspect, and adds up while it is;
 * only the end of a probe, in which others were asked too, makes it `down`.
 */
export function judge(belief: Belief, evidence: Evidence): Belief {
  const { suspicion } = belief;
  if (evidence.kind === 'answered') return { suspicion: 'up', doubt: noDoubt };
  if (evidence.kind === 'no-responders' || evidence.kind === 'refused') return { suspicion: 'down', doubt: noDoubt };
  if (suspicion === 'down') return belief;
  if (suspicion === 'up' && !makesSuspect(evidence)) return belief;
  const doubt = addTo(belief.doubt, evidence);
  if (evidence.kind === 'probed' && suspicion === 'suspect' && isDown(doubt)) return { suspicion: 'down', doubt };
  return { suspicion: 'suspect', doubt };
}

function makesSuspect(evidence: Evidence): boolean {
  if (evidence.kind === 'silent') return evidence.phi >= suspectPhi;
  return evidence.kind === 'unanswered' || evidence.kind === 'accused';
}

function addTo(doubt: Doubt, evidence: Evidence): Doubt {
  switch (evidence.kind) {
    case 'unanswered':
      // Requests that go unanswered together have one cause: they count once.
      return { ...doubt, own: Math.max(doubt.own, evidence.phi) };
    case 'silent':
      return { ...doubt, own: Math.max(doubt.own, Math.min(evidence.phi, mostSilencePhi)) };
    case 'accused':
      return { ...doubt, others: Math.max(doubt.others, evidence.phi) };
    case 'refuted':
      return { ...doubt, disproved: doubt.own, others: 0 };
    case 'probed': {
      const own = doubt.own + evidence.phi;
      const asked = evidence.helpers > 0;
      if (evidence.vouched) return { own, disproved: own, others: 0, asked };
      return { ...doubt, own, others: doubt.others + evidence.denials.count * evidence.denials.phi, asked };
    }
    default:
      return doubt;
  }
}

/**
 * Whether a suspect is believed down. Where others could be asked, one of them at least must not reach it either; where nobody can be asked,
 * this node decides alone. A suspect that others reach, or of which they say nothing, must leave this node unanswered for three times as long:
 * then it is of no use to this node, whoever else reaches it.
 */
export function isDown(doubt: Doubt): boolean {
  const { own, disproved, others } = doubt;
  const isEnough = isConfirmed(doubt) && own - disproved + others >= downPhi - rounding;
  return isEnough || own >= outOfReachPhi - rounding;
}

/** Whether somebody else says so too, unless nobody could be asked. */
export function isConfirmed({ others, asked }: Doubt): boolean {
  return others > 0 || !asked;
}

const rounding = 1e-6;

/** A heartbeat advances once a second, however short the rounds are. */
export const beatMs = 1000;

/**
 * How long a peer of which nothing is known yet may be silent before it is suspected: the rounds after which gossip has carried news to everybody
 * with high probability (push-pull with one random peer per round: log2 n + ln n, Pittel 1987), and one to spare. 5 nodes and 1 s rounds: 5 s.
 * Once its news was heard a few times, the gaps between them tell (`phiOfSilence`).
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

const tolerableLagMs = 100;

/** Whether a probe's deadline says something of the peer: not when this process itself came late to its own timer. */
export function isPunctual(elapsedMs: number, timeoutMs: number): boolean {
  return elapsedMs <= timeoutMs + tolerableLagMs;
}

/** The peer that this node pings every round, so that each is pinged by one: the next by name that is not down, the first after the last. */
export function wardOf(self: string, peers: readonly string[]): string | undefined {
  let next: string | undefined;
  let first: string | undefined;
  for (const peer of peers) {
    if (peer > self && (next === undefined || peer < next)) next = peer;
    if (first === undefined || peer < first) first = peer;
  }
  return next ?? first;
}

const maxHealthScore = 3;

/**
 * Lifeguard's local health (Dadgar et al., 2018): 0 is well. A node that comes late to its own timers, whose helpers fall silent too, or which is
 * itself suspected, may be the one at fault, and gives its peers up to four times as long to answer; each calm round makes up for one such sign.
 */
export function healthAfter(score: number, sign: 'trouble' | 'calm'): number {
  return sign === 'trouble' ? Math.min(maxHealthScore, score + 1) : Math.max(0, score - 1);
}
