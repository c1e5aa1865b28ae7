import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findNatsServer } from '@ringfort/nats-server';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StartTarget } from '../src/target.ts';
import { findEtcd, startEtcd } from '../src/targets/etcd.ts';
import { startJetstreamKv } from '../src/targets/jetstream-kv.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bench-target-'));
});
afterEach(() => rm(folder, { recursive: true }));

const runs = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

const hasNats = (await findNatsServer()) !== undefined;
const targets: [string, StartTarget, boolean][] = [['jetstream-kv', startJetstreamKv, hasNats]];
// etcd is a target only where somebody installed it: elsewhere there is nothing to test, rather than a test left out.
if ((await findEtcd()) !== undefined) targets.push(['etcd', startEtcd, true]);

for (const [name, start, isInstalled] of targets) {
  describe.skipIf(!isInstalled)(name, () => {
    it('starts three servers, stores what it is given, and leaves nothing behind', async () => {
      const dir = join(folder, name);
      const target = await start({ nodes: 3, durability: 'fsync', dw: 2, dir, nodeFlags: [] });
      try {
        expect(target.pids).toHaveLength(3);
        expect(target.pids.every(runs)).toBe(true);
        expect(await target.read('user000000001')).toEqual([]);
        for (const text of ['first', 'second']) await target.write('user000000001', Buffer.from(text));
        await expect.poll(async () => Buffer.from((await target.read('user000000001'))[0]!).toString()).toBe('second');
      } finally {
        await Promise.all([target.stop(), target.stop()]);
      }
      expect(target.pids.filter(runs)).toEqual([]);
      expect(existsSync(dir)).toBe(false);
    });
  });
}

describe('a target that is not installed', () => {
  it('is named', async () => {
    expect(await findEtcd({ PATH: '/nonexistent' })).toBeUndefined();
    expect(await findEtcd({ RINGFORT_ETCD: '/nonexistent/etcd', PATH: process.env.PATH })).toBeUndefined();
  });
});
