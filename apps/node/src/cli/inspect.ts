import type { InspectedNode, InspectReply, RepairedNode, RepairReply } from '@ringfort/coordinator/contract';
import { ask, type Endpoint, keyPath } from './api.ts';
import { CommandError, exitCode } from './exit.ts';
import type { CommandIo } from './io.ts';

export interface OperatorOptions extends Endpoint {
  readonly json?: boolean | undefined;
  readonly timeoutMs?: string | undefined;
}

type Summary = NonNullable<InspectedNode['record']>;

/** `ringfort inspect`: what every node holds of a key. */
export async function inspect(
  place: string,
  key: string | undefined,
  options: OperatorOptions,
  io: CommandIo,
): Promise<number> {
  const path = `${pathOf(place, key)}/inspect`;
  const response = await ask(options, { path, query: { timeoutMs: options.timeoutMs } });
  const found = (await response.json()) as InspectReply;
  io.out(options.json ? `${JSON.stringify(found)}\n` : rendered(found));
  return found.agreement === 'equal' ? exitCode.done : exitCode.failed;
}

/** `ringfort repair`: makes the owners of a key equal. */
export async function repair(
  place: string,
  key: string | undefined,
  options: OperatorOptions,
  io: CommandIo,
): Promise<number> {
  const path = `${pathOf(place, key)}/repair`;
  const response = await ask(options, { method: 'POST', path, query: { timeoutMs: options.timeoutMs } });
  const done = (await response.json()) as RepairReply;
  io.out(options.json ? `${JSON.stringify(done)}\n` : renderedRepair(done));
  return done.complete ? exitCode.done : exitCode.failed;
}

/** `bucket/key`, or both apart. */
function pathOf(place: string, key: string | undefined): string {
  if (key !== undefined) return keyPath(place, key);
  const slash = place.indexOf('/');
  if (slash > 0 && slash < place.length - 1) return keyPath(place.slice(0, slash), place.slice(slash + 1));
  throw new CommandError('USAGE', `"${place}": give BUCKET/KEY, or BUCKET and KEY`, { exitCode: exitCode.usage });
}

const agreements = {
  equal: 'its owners hold the same',
  differ: 'its owners DIFFER',
  unknown: 'the owners that answered hold the same; others did not answer',
};

function rendered({ bucket, key, partition, owners, preferenceList, agreement, nodes }: InspectReply): string {
  const lines = [
    `${bucket}/${key}: partition ${partition}, ${agreements[agreement]}`,
    `owners ${owners.join(' ')}; preference list ${preferenceList.join(' ')}`,
    ...nodes.flatMap(linesOf),
  ];
  return `${lines.join('\n')}\n`;
}

function linesOf({ node, owner, up, error, filled, record, recordError, hint, hintError }: InspectedNode): string[] {
  const head = `${node} (${owner ? 'owner' : 'no owner'}, ${up ? 'up' : 'taken for down'}):`;
  if (error !== undefined) return [`${head} did not answer: ${error}`];
  const lines: string[] = [];
  if (record !== undefined) lines.push(...told(head, record));
  else if (recordError !== undefined) lines.push(`${head} cannot read its record: ${recordError}`);
  else if (owner || hint === undefined)
    lines.push(`${head} holds nothing${filled === false ? ' yet: it is being filled' : ''}`);
  if (hint !== undefined) lines.push(...told(`${node} keeps for ${hint.owedTo.join(', ')}:`, hint));
  if (hintError !== undefined) lines.push(`${node} cannot read what it keeps for others: ${hintError}`);
  return lines;
}

function told(head: string, { digest, bytes, actor, siblings, clock }: Summary): string[] {
  const under = actor === undefined ? '' : `, coordinates under ${actor}`;
  const detached = clock.detached === 0 ? '' : ` and ${clock.detached} dots apart`;
  return [
    `${head} digest ${digest}, ${bytes} bytes, clock of ${clock.entries} actors${detached}${under}`,
    ...siblings.map(siblingLine),
  ];
}

function siblingLine({ dot, tombstone, contentType, bytes, digest, expiresAtMs }: Summary['siblings'][number]): string {
  const expiry = expiresAtMs === undefined ? '' : `, expires ${new Date(expiresAtMs).toISOString()}`;
  const what = tombstone ? 'tombstone' : `${bytes} bytes of ${contentType || 'no type'}, hash ${digest}`;
  return `    ${dot}  ${what}${expiry}`;
}

const outcomes: Readonly<Record<RepairedNode['outcome'], string>> = {
  equal: 'held the merge already',
  written: 'holds the merge now',
  merged: 'no owner; what it held was merged in',
  left: 'LEFT AS IT IS',
};

function renderedRepair({ bucket, key, partition, complete, digest, nodes }: RepairReply): string {
  const what =
    digest === undefined
      ? 'no node that answered holds anything'
      : complete
        ? `every owner holds ${digest}`
        : `the merge is ${digest}, which not every owner holds`;
  const lines = [`${bucket}/${key}: partition ${partition}, ${what}`, ...nodes.map(repairLine)];
  return `${lines.join('\n')}\n`;
}

function repairLine({ node, found, hint, outcome, error }: RepairedNode): string {
  const held = found === undefined ? 'nothing' : found;
  const kept = hint === undefined ? '' : `, and ${hint} for another node`;
  return `  ${node}: ${outcomes[outcome]}${error === undefined ? '' : ` (${error})`}; it held ${held}${kept}`;
}
