import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findNatsServer, requireNatsServer } from '../src/index.ts';

let folder: string;
let executable: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'find-'));
  executable = join(folder, 'nats-server');
  await writeFile(executable, '#!/bin/sh\n');
  await chmod(executable, 0o755);
});
afterAll(() => rm(folder, { recursive: true }));

describe('findNatsServer', () => {
  it('takes RINGFORT_NATS_SERVER before PATH', async () => {
    expect(await findNatsServer({ RINGFORT_NATS_SERVER: executable, PATH: '/usr/sbin' })).toBe(executable);
  });
  it('searches PATH in order', async () => {
    expect(await findNatsServer({ PATH: `/nonexistent::${folder}:/usr/sbin` })).toBe(executable);
  });
  it('does not fall back when the chosen one is not there', async () => {
    expect(await findNatsServer({ RINGFORT_NATS_SERVER: '/nonexistent/nats-server', PATH: folder })).toBeUndefined();
    await expect(requireNatsServer({ RINGFORT_NATS_SERVER: '/nonexistent/nats-server' })).rejects.toMatchObject({
      code: 'NATS_SERVER_MISSING',
      details: { searched: ['/nonexistent/nats-server'] },
    });
  });
  it('passes over a file that cannot be run', async () => {
    const plain = join(folder, 'plain');
    await writeFile(plain, '');
    await chmod(plain, 0o644);
    expect(await findNatsServer({ RINGFORT_NATS_SERVER: plain })).toBeUndefined();
  });
});
