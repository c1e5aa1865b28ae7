import { ActorNames } from './actor-names.ts';
import type { LogEntry, SeenMessage } from './event-log.ts';
import { drawLanes, type LaneRow } from './lanes.ts';
import type { BrokenInvariant } from './violations.ts';
import { Wording } from './wording.ts';

const MAX_ROWS = 80;
/** Later than this, it is told when a message was sent. */
const LATE_MS = 5;
const judgedByReplicas: ReadonlySet<string> = new Set(['S1', 'S2', 'S6']);
/** From the last reads on until replicas are compared, repairs take so long at most. */
const JUDGED_AFTER_MS = 5_000;
const isProcess = /^(?:n\d+|c\d+|judge)$/;
const PROCESS = /\b(?:n\d+|c\d+|judge)\b/g;
/** The name of a write: its client and number. */
const WRITE = /\b(?:c\d+|judge)-\d+\b/g;

type Row = LaneRow & { readonly processes: readonly string[]; readonly isFault: boolean };

/**
 * What led to the first broken invariant that has a key, as a diagram: the messages about the key, what was stored and lost of it, and what happened
 * meanwhile to the processes that had to do with it. Where that is too much, those rows that are nearest to the writes that it is about.
 */
export function timeline(broken: readonly BrokenInvariant[], entries: readonly LogEntry[]): string[] {
  const blamed = broken.find((one) => one.key !== undefined);
  const key = blamed?.key ?? keyOfHint(broken, entries);
  const rows = new Rows(key);
  for (const entry of entries.slice(1)) rows.add(entry);
  const all = relevant(untilJudged(rows.inOrder, blamed), key !== undefined);
  const names = new Set(broken.filter(({ key }) => key === blamed?.key).flatMap(({ what }) => what.match(WRITE) ?? []));
  const chosen = nearest(all, names);
  const lanes = [...new Set(chosen.flatMap((row) => row.processes))].sort(byName);
  return drawLanes(lanes, withGaps(all, chosen));
}

/** Where hints are left that name no key: the one of which the node that owes them took its last. */
function keyOfHint(broken: readonly BrokenInvariant[], entries: readonly LogEntry[]): string | undefined {
  const debtor = broken.flatMap(({ what }) => /\b(n\d+) owes /.exec(what)?.[1] ?? [])[0];
  const hints = entries.flatMap((entry) =>
    'what' in entry && entry.who === debtor ? (/^hint for .* (k\d+):/.exec(entry.what)?.[1] ?? []) : [],
  );
  return hints.at(-1);
}

/** The entries of a log as rows of a diagram. */
class Rows {
  readonly #key: string | undefined;
  readonly #names = new ActorNames();
  readonly #wording = new Wording(this.#names);
  readonly #rows: Row[] = [];
  /** Where and when a replica was told to write: what it then stores is no news. */
  readonly #told = new Set<string>();
  readonly #isAboutKey: RegExp;

  constructor(key: string | undefined) {
    this.#key = key;
    this.#isAboutKey = new RegExp(`\\b${key ?? 'no key'}\\b`);
  }

  get inOrder(): Row[] {
    return this.#rows
      .map((row, index) => ({ row, index }))
      .sort((a, b) => a.row.atMs - b.row.atMs || a.index - b.index)
      .map(({ row }) => row);
  }

  add(entry: LogEntry): void {
    if ('message' in entry) this.#addMessage(entry.atMs, entry.message);
    else if (!entry.who.includes('.')) this.#addLine(entry);
  }

  #addMessage(sentMs: number, message: SeenMessage): void {
    const { from, to, delaysMs, missed, verb, kind } = message;
    // The words are made of all of them: who names an actor first is the one who gave it.
    const words = this.#wording.message(message);
    if (to === undefined || this.#key === undefined || !keysOf(message).includes(this.#key)) return;
    const processes = [from, to];
    const common = { processes, isFault: false };
    if (delaysMs.length === 0) {
      this.#rows.push({ ...common, atMs: sentMs, text: words, arrow: { from, to, isLost: true } });
    }
    delaysMs.forEach((delayMs, copy) => {
      const atMs = sentMs + delayMs;
      const isLost = copy >= delaysMs.length - missed;
      const notes = [...(copy > 0 ? ['again'] : []), ...(delayMs > LATE_MS ? [`sent at ${sentMs.toFixed(3)}`] : [])];
      const text = `${words}${notes.length > 0 ? ` (${notes.join(', ')})` : ''}`;
      this.#rows.push({ ...common, atMs, text, arrow: { from, to, isLost } });
      if (verb === 'replica.write' && kind === 'request') this.#told.add(`${to} ${atMs.toFixed(6)}`);
    });
  }

  #addLine({ atMs, who, what }: { atMs: number; who: string; what: string }): void {
    const words = this.#names.in(what, who);
    const sign = signs.find(([pattern]) => pattern.test(what))?.[1];
    if (!isProcess.test(who)) this.#addFault(atMs, who, words, sign ?? '#');
    else if (sign !== undefined || this.#isNews(atMs, who, what)) {
      const text = words
        .replace(/ with \d+ frames on disk$/, '')
        .replace(/^write /, 'stores ')
        .replace(/^hint for (.*) (k\d+:)/, 'stores for $1 $2');
      const marks = { lanes: [who], sign: sign ?? '*' };
      const shown = who.startsWith('n') ? `${who} ${text}` : text;
      this.#rows.push({ atMs, text: shown, marks, processes: [who], isFault: sign !== undefined });
    }
  }

  /** What a nemesis does, and what the checks say. */
  #addFault(atMs: number, who: string, words: string, sign: string): void {
    if (who === 'check' && !this.#isAboutKey.test(words) && /\bk\d+\b/.test(words)) return;
    const text = words.replace(/\b(?:node|client)\./g, '');
    const processes = who === 'nemesis' ? [...new Set(text.match(PROCESS) ?? [])] : [];
    this.#rows.push({ atMs, text, marks: { lanes: processes, sign }, processes, isFault: true });
  }

  /** Whether the line tells of the key what no message has told. */
  #isNews(atMs: number, who: string, what: string): boolean {
    if (!this.#isAboutKey.test(what) || /^(?:get|put|delete) /.test(what)) return false;
    return !(what.startsWith('write ') && this.#told.has(`${who} ${atMs.toFixed(6)}`));
  }
}

const signs: readonly (readonly [RegExp, string])[] = [
  [/^starts with/, 'o'],
  [/^is killed|^stops$/, 'X'],
  [/ is paused$/, 'P'],
  [/ goes on$/, 'G'],
];

/** For what is judged by what replicas hold: without what comes after that. */
function untilJudged(rows: readonly Row[], blamed: BrokenInvariant | undefined): readonly Row[] {
  if (blamed === undefined || !judgedByReplicas.has(blamed.invariant)) return rows;
  const found = rows.find(({ text }) => text === 'every key is read once');
  return found === undefined ? rows : rows.filter(({ atMs }) => atMs < found.atMs + JUDGED_AFTER_MS);
}

/** Without what happens to processes that have nothing to do with the key, and after the last row about it. */
function relevant(rows: readonly Row[], hasKey: boolean): Row[] {
  if (!hasKey) return [...rows];
  const involved = new Set(rows.filter(({ isFault }) => !isFault).flatMap(({ processes }) => processes));
  const last = rows.findLastIndex(({ isFault }) => !isFault);
  return rows
    .slice(0, last + 1)
    .filter(
      ({ isFault, processes }) => !isFault || processes.length === 0 || processes.some((one) => involved.has(one)),
    );
}

/** At most so many, nearest to the rows that name one of these writes, or to the last. */
function nearest(rows: readonly Row[], names: ReadonlySet<string>): Row[] {
  if (rows.length <= MAX_ROWS) return [...rows];
  const at = rows.flatMap(({ text }, index) =>
    (text.match(WRITE) ?? []).some((name) => names.has(name)) ? [index] : [],
  );
  const centres = at.length > 0 ? at : [rows.length - 1];
  const distances = rows.map((_, index) => Math.min(...centres.map((centre) => Math.abs(centre - index))));
  const order = rows.map((_, index) => index).sort((a, b) => distances[a]! - distances[b]! || b - a);
  const chosen = new Set(order.slice(0, MAX_ROWS));
  return rows.filter((_, index) => chosen.has(index));
}

function withGaps(rows: readonly Row[], chosen: readonly Row[]): (LaneRow | { readonly leftOut: number })[] {
  const kept = new Set(chosen);
  const drawn: (LaneRow | { leftOut: number })[] = [];
  for (const row of rows) {
    const last = drawn.at(-1);
    if (kept.has(row)) drawn.push(row);
    else if (last !== undefined && 'leftOut' in last) last.leftOut += 1;
    else drawn.push({ leftOut: 1 });
  }
  return drawn;
}

/** The keys that a message is about. */
function keysOf({ body, asked }: SeenMessage): readonly string[] {
  const about = [body, asked].filter((one) => typeof one === 'object' && one !== null) as {
    key?: string;
    items?: readonly { key: string }[];
  }[];
  return about.flatMap(({ key, items }) => [
    ...(typeof key === 'string' ? [key] : []),
    ...(items ?? []).map((item) => item.key),
  ]);
}

/** Clients before nodes, so that requests go to the right. */
function byName(a: string, b: string): number {
  const rank = (name: string) => (name.startsWith('n') ? 1 : 0);
  return rank(a) - rank(b) || a.localeCompare(b, 'en', { numeric: true });
}
