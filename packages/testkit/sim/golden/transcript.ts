import type { LogEntry, SeenMessage } from '../event-log.ts';
import { shortName } from '../wire-tap.ts';
import type { ScriptCluster } from './script-cluster.ts';

const MAX_LINES = 150;

/** What goes on all the time; shown only when a script asks for it. */
const background = new Set([
  'gossip.digest',
  'history.compare',
  'records.push',
  'ping',
  'ping.indirect',
  'view',
  'run',
  'node.up',
  'node.down',
  'node.suspected',
  'ring.changed',
]);

/**
 * What happened since a block began, a line each: when, who (or from whom to whom), what. A copy that is stored as a message brought it is not
 * told a second time.
 */
export function transcript(
  cluster: ScriptCluster,
  entries: readonly LogEntry[],
  fromMs: number,
  gossip: boolean,
): string[] {
  const brought = new Set<string>();
  const lines = entries.flatMap((entry) => {
    const when = timeText(entry.atMs - fromMs);
    if ('message' in entry) {
      const { message } = entry;
      if (background.has(message.verb) !== gossip || (message.kind === 'event' && message.to === undefined)) return [];
      const words = cluster.wording.message(message);
      brought.add(`${message.to} ${/\{.*\}/.exec(words)?.[0]}`);
      return [`${when} ${ends(cluster, message).padEnd(10)} ${words}`];
    }
    const { who, what } = entry;
    if (who.startsWith('node.') || who.startsWith('client.')) return []; // the network's own account of the same messages
    if (what.startsWith('stores ') && brought.has(`${who} ${/\{.*\}/.exec(what)?.[0]}`)) return [];
    if (what.startsWith('membership ')) return [];
    return [`${when} ${cluster.nameOf(who).padEnd(10)} ${inWords(cluster, what)}`];
  });
  if (lines.length <= MAX_LINES) return lines;
  return [...lines.slice(0, MAX_LINES), `... and ${lines.length - MAX_LINES} more`];
}

function ends(cluster: ScriptCluster, { from, to, delaysMs, missed }: SeenMessage): string {
  const arrow = delaysMs.length - missed <= 0 ? '-x' : '->'.repeat(delaysMs.length - missed);
  return `${cluster.nameOf(shortName(from))} ${arrow} ${to === undefined ? 'nobody' : cluster.nameOf(to)}`;
}

function inWords(cluster: ScriptCluster, what: string): string {
  return what.replace(/ with \d+ frames on disk/, '').replace(/\bn\d+\b/g, (node) => cluster.nameOf(node));
}

/** What happens within one exchange is told exactly; what timers bring, whose jitter is drawn, is not. */
function timeText(ms: number): string {
  if (ms < 100) return `+${ms.toFixed(1)}`.padEnd(6);
  const grainMs = ms < 1_000 ? 10 : 100;
  return `+${Math.round(ms / grainMs) * grainMs}`.padEnd(6);
}
