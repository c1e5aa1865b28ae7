import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { logTail, ownProcess } from '../src/index.ts';

let folder: string;
let built: string;
beforeAll(async () => {
  // Plain node runs no TypeScript yet: the parents of these tests use a build of their own.
  built = await mkdtemp(join(tmpdir(), 'owned-build-'));
  await writeFile(join(built, 'package.json'), '{"type":"module"}');
  const root = fileURLToPath(new URL('..', import.meta.url));
  await promisify(execFile)('npx', ['--no-install', 'tsc', '-p', 'tsconfig.build.json', '--outDir', built], {
    cwd: root,
  });
});
afterAll(async () => {
  await rm(built, { recursive: true });
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'owned-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const waitUntil = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await holds())) await sleep(10);
};

/** Whether a process runs (a zombie, not yet reaped by whoever adopted it, has ended). */
const runs = async (pid: number): Promise<boolean> => {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat !== '' && !/\) [ZX] /.test(stat);
};

describe.skipIf(process.platform !== 'linux')('a process that is owned', () => {
  const parentOf = async (ending: string): Promise<{ parent: ChildProcess; childPid: number }> => {
    const script = join(folder, 'parent.mjs');
    const pidFile = join(folder, 'pid');
    await writeFile(
      script,
      `import { writeFileSync } from 'node:fs';
       import { ownProcess } from ${JSON.stringify(join(built, 'owned-process.js'))};
       const owned = await ownProcess('/usr/bin/sleep', { args: ['60'], logFile: ${JSON.stringify(join(folder, 'log'))} });
       writeFileSync(${JSON.stringify(pidFile)}, String(owned.pid) + '\\n');
       ${ending}`,
    );
    const parent = spawn(process.execPath, [script], { stdio: 'inherit' });
    let text = '';
    await waitUntil(async () => {
      text = await readFile(pidFile, 'utf8').catch(() => '');
      return text.endsWith('\n');
    });
    return { parent, childPid: Number(text) };
  };

  it('ends when its parent exits without stopping it', async () => {
    const { parent, childPid } = await parentOf('process.exit(3);');
    if (parent.exitCode === null) await once(parent, 'exit');
    await waitUntil(async () => !(await runs(childPid)));
    expect(parent.exitCode).toBe(3);
  });
  it('ends when its parent is killed outright', async () => {
    const { parent, childPid } = await parentOf('setInterval(() => {}, 1000);');
    expect(await runs(childPid)).toBe(true);
    parent.kill('SIGKILL');
    await waitUntil(async () => !(await runs(childPid)));
  });

  it('is killed when it does not heed SIGTERM within its grace', async () => {
    const logFile = join(folder, 'deaf.log');
    const deaf = await ownProcess('/bin/sh', {
      args: ['-c', 'trap "" TERM; echo deaf; while :; do sleep 0.05; done'],
      logFile,
    });
    await waitUntil(() => logTail(logFile).includes('deaf'));
    expect(await deaf.stop(50)).toEqual({ code: null, signal: 'SIGKILL' });
    expect(deaf.exit).toEqual({ code: null, signal: 'SIGKILL' });
  });
});
