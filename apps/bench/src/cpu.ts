import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** The fields utime and stime of `/proc/<pid>/stat`, summed, in clock ticks. The name, in parentheses, may itself hold parentheses. */
export function ticksOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

let ticksPerSecond: number | undefined;

/** Microseconds of CPU that these processes have used so far, all their threads included. Linux only. */
export function cpuMicroseconds(pids: readonly number[]): number {
  ticksPerSecond ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  const ticks = pids.reduce((sum, pid) => sum + ticksOf(readFileSync(`/proc/${pid}/stat`, 'utf8')), 0);
  return (ticks * 1_000_000) / ticksPerSecond;
}
