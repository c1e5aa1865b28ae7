import { readdir, readFile, writeFile } from 'node:fs/promises';
import { Session } from 'node:inspector/promises';
import { basename, join } from 'node:path';
import Table from 'cli-table3';
import { z } from 'zod';
import { BenchError } from './errors.ts';

const profileSchema = z.object({
  nodes: z.array(
    z.object({
      id: z.number(),
      callFrame: z.object({ functionName: z.string(), url: z.string(), lineNumber: z.number() }),
    }),
  ),
  samples: z.array(z.number()),
  timeDeltas: z.array(z.number()),
});
type Profile = z.infer<typeof profileSchema>;

/** Time that one function itself used. */
export interface SelfTime {
  readonly name: string;
  readonly where: string;
  readonly selfUs: number;
}

const MODULES_SHOWN = 12;
const IDLE = new Set(['(idle)', '(root)', '(program)']);

/** Sums a V8 CPU profile by function, the most expensive first; what is not JavaScript work (idle, program) is told apart. */
export function selfTimes(profile: Profile): {
  functions: SelfTime[];
  busyUs: number;
  idleUs: number;
  programUs: number;
} {
  const perNode = new Map<number, number>();
  profile.samples.forEach((id, index) => {
    perNode.set(id, (perNode.get(id) ?? 0) + Math.max(0, profile.timeDeltas[index] ?? 0));
  });
  const functions = new Map<string, SelfTime>();
  const outside: Record<string, number> = {};
  for (const { id, callFrame } of profile.nodes) {
    const us = perNode.get(id) ?? 0;
    const name = callFrame.functionName || '(anonymous)';
    if (IDLE.has(name)) {
      outside[name] = (outside[name] ?? 0) + us;
      continue;
    }
    const where = callFrame.url === '' ? 'native' : `${shortened(callFrame.url)}:${callFrame.lineNumber + 1}`;
    const key = `${name} ${where}`;
    functions.set(key, { name, where, selfUs: (functions.get(key)?.selfUs ?? 0) + us });
  }
  const sorted = [...functions.values()].sort((a, b) => b.selfUs - a.selfUs);
  const busyUs = sorted.reduce((sum, { selfUs }) => sum + selfUs, 0);
  return { functions: sorted, busyUs, idleUs: outside['(idle)'] ?? 0, programUs: outside['(program)'] ?? 0 };
}

/** Self time by npm package, workspace package, or `node` for its internals and natives. */
export function byModule(functions: readonly SelfTime[]): { module: string; selfUs: number }[] {
  const sums = new Map<string, number>();
  for (const { name, where, selfUs } of functions) {
    const module = name === '(garbage collector)' ? 'garbage collector' : moduleOf(where);
    sums.set(module, (sums.get(module) ?? 0) + selfUs);
  }
  return [...sums].map(([module, selfUs]) => ({ module, selfUs })).sort((a, b) => b.selfUs - a.selfUs);
}

function moduleOf(where: string): string {
  if (where === 'native' || where.startsWith('node:')) return 'node';
  const parts = where.split('/');
  const isPair = where.startsWith('@') || parts[0] === 'packages' || parts[0] === 'apps';
  return parts.slice(0, isPair ? 2 : 1).join('/');
}

/** A table of the functions that used most time, for each profile of a folder. */
export async function profileReport(dir: string, top: number): Promise<string> {
  const files = (await readdir(dir)).filter((name) => name.endsWith('.cpuprofile')).sort();
  if (files.length === 0) throw new BenchError('BENCH_NO_PROFILES', `${dir} holds no .cpuprofile file`, { dir });
  const sections = await Promise.all(files.map((file) => profileSection(join(dir, file), top)));
  return sections.join('\n');
}

async function profileSection(file: string, top: number): Promise<string> {
  const { functions, busyUs, idleUs, programUs } = selfTimes(
    profileSchema.parse(JSON.parse(await readFile(file, 'utf8'))),
  );
  const seconds = (us: number) => `${(us / 1e6).toFixed(2)} s`;
  const table = new Table({ head: ['self', 'share', 'function', 'where'], style: { head: [], border: [] } });
  for (const { name, where, selfUs } of functions.slice(0, top)) {
    table.push([seconds(selfUs), `${((100 * selfUs) / busyUs).toFixed(1)}%`, name, where]);
  }
  const title = `${basename(file)}: ${seconds(busyUs)} in JavaScript and its natives, ${seconds(programUs)} outside, ${seconds(idleUs)} idle`;
  const shares = byModule(functions)
    .slice(0, MODULES_SHOWN)
    .map(({ module, selfUs }) => `${module} ${((100 * selfUs) / busyUs).toFixed(1)}%`);
  return `${title}\nby module: ${shares.join(', ')}\n${table.toString()}`;
}

/** Profiles this very process while `task` runs, into a file. */
export async function profiled<T>(file: string, task: () => Promise<T>): Promise<T> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.start');
  try {
    return await task();
  } finally {
    const { profile } = await session.post('Profiler.stop');
    await writeFile(file, JSON.stringify(profile));
    session.disconnect();
  }
}

function shortened(url: string): string {
  const path = url.replace(/^file:\/\//, '');
  const modules = path.lastIndexOf('/node_modules/');
  if (modules >= 0) return path.slice(modules + '/node_modules/'.length);
  return path.replace(/^.*\/((?:packages|apps)\/)/, '$1');
}
