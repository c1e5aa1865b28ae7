import { setTimeout as sleep } from 'node:timers/promises';
import type { ScrubStatus } from '@ringfort/anti-entropy';
import { ask, type Endpoint } from './api.ts';
import { exitCode } from './exit.ts';
import type { CommandIo } from './io.ts';

export interface ScrubOptions extends Endpoint {
  readonly node?: string | undefined;
  readonly json?: boolean | undefined;
  readonly wait: boolean;
}

const LOOK_MS = 500;

/** `ringfort scrub`: has a node read all that it holds, and tells what came of it. */
export async function scrub(options: ScrubOptions, io: CommandIo): Promise<number> {
  const look = async (method: 'GET' | 'POST') => {
    const response = await ask(options, { method, path: '/v1/scrub', query: { node: options.node } });
    return (await response.json()) as ScrubStatus;
  };
  let status = await look('POST');
  while (options.wait && status.state !== 'resting') {
    if (!options.json) io.err(progress(status));
    await sleep(LOOK_MS);
    status = await look('GET');
  }
  io.out(
    options.json
      ? `${JSON.stringify(status)}\n`
      : `${status.state === 'resting' ? result(status) : progress(status)}\n`,
  );
  return status.waiting + status.lost === 0 ? exitCode.done : exitCode.failed;
}

function progress({ node, pass }: ScrubStatus): string {
  if (pass === undefined) return `${node}: begins`;
  const percent = pass.partitions === 0 ? 0 : Math.floor((100 * pass.done) / pass.partitions);
  return `${node}: ${percent}%, ${counted(pass)}`;
}

function result({ node, pass, waiting, lost }: ScrubStatus): string {
  if (pass === undefined) return `${node}: no pass since its start; its log says why`;
  const took = pass.endedMs === undefined ? 'broken off' : `${((pass.endedMs - pass.beganMs) / 1000).toFixed(1)} s`;
  const lines = [`${node}: ${took}, ${counted(pass)}`];
  if (waiting > 0) lines.push(`${waiting} wait for owners that could not be heard: bring all nodes up`);
  if (lost > 0) lines.push(`${lost} are held by nobody else: restore them from a backup, or write them anew`);
  return lines.join('\n');
}

const counted = ({ records, bytes, corrupt, healed }: NonNullable<ScrubStatus['pass']>): string =>
  `${records} records, ${(bytes / 1024 / 1024).toFixed(1)} MiB, ${corrupt} corrupt, ${healed} of them whole again`;
