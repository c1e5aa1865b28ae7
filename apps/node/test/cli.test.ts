import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { failureOf } from '../src/cli/exit.ts';
import type { CommandIo } from '../src/cli/io.ts';
import { run } from '../src/cli/program.ts';
import { coded, fakeNode } from './fakes.ts';

const node = fakeNode();
const directory = mkdtempSync(join(tmpdir(), 'ringfort-cli-'));
let url = '';
beforeAll(async () => {
  url = await node.app.listen({ host: '127.0.0.1', port: 0 });
});
beforeEach(() => node.coordinator.keysHeld.clear());
afterAll(async () => {
  await node.app.close();
  node.metrics.close();
  rmSync(directory, { recursive: true });
});

interface Told {
  code: number;
  out: string;
  err: string;
}

/** Runs a command line against the fake node, as `main.ts` does. */
async function ringfort(
  args: readonly string[],
  options: { stdin?: string; answer?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Told> {
  const out: Buffer[] = [];
  const err: string[] = [];
  const io: CommandIo = {
    out: (bytes) => void out.push(Buffer.from(bytes as Uint8Array)),
    outTaken: async (bytes) => void out.push(Buffer.from(bytes as Uint8Array)),
    err: (line) => void err.push(line),
    stdinIsTty: options.stdin === undefined,
    readStdin: async () => Buffer.from(options.stdin ?? ''),
    question: async (asked) => {
      err.push(asked);
      return options.answer ?? '';
    },
    stdin: async function* () {
      yield Buffer.from(options.stdin ?? '');
    },
    env: { RINGFORT_URL: url, ...options.env },
  };
  const told = (code: number) => ({ code, out: Buffer.concat(out).toString(), err: err.join('\n') });
  try {
    return told(await run(args, io));
  } catch (error) {
    const { line, exitCode } = failureOf(error);
    err.push(line);
    return told(exitCode);
  }
}
const text = (context: string) => Buffer.from(context).toString('base64url');

describe('put and get', () => {
  it('print the context and the value', async () => {
    const put = await ringfort(['put', 'carts', 'a/b c', 'milk']);
    expect(put).toMatchObject({ code: 0, err: '' });
    const context = put.out.trim();
    expect(node.coordinator.calls.at(-1)?.request).toMatchObject({
      bucket: 'carts',
      key: 'a/b c',
      contentType: 'text/plain; charset=utf-8',
    });
    expect(await ringfort(['get', 'carts', 'a/b c'])).toEqual({ code: 0, out: 'milk', err: `\ncontext: ${context}` });
    await ringfort(['put', 'carts', 'a/b c', 'tea', '--context', context]);
    expect((await ringfort(['get', 'carts', 'a/b c', '--json'])).out).toContain(Buffer.from('tea').toString('base64'));
  });

  it('take the value from a file or standard input', async () => {
    const file = join(directory, 'value');
    writeFileSync(file, 'from file');
    await ringfort(['put', 'b', 'k', '--file', file, '--content-type', 'a/b']);
    expect(node.coordinator.calls.at(-1)?.request).toMatchObject({
      value: Buffer.from('from file'),
      contentType: 'a/b',
    });
    await ringfort(['put', 'b', 'k'], { stdin: 'from stdin' });
    expect(node.coordinator.calls.at(-1)?.request).toMatchObject({ value: Buffer.from('from stdin') });
    expect(await ringfort(['put', 'b', 'k', '--file', join(directory, 'none')])).toMatchObject({
      code: 1,
      err: expect.stringContaining('ENOENT'),
    });
    expect(await ringfort(['put', 'b', 'k'])).toMatchObject({ code: 64, err: expect.stringContaining('--file FILE') });
    expect(await ringfort(['put', 'b', 'k', 'v', '--file', file])).toMatchObject({ code: 64 });
  });

  it('show siblings, say how to merge them, and end with 2', async () => {
    await ringfort(['put', 'b', "it's", 'one']);
    await ringfort(['put', 'b', "it's", 'two\n']);
    const got = await ringfort(['get', 'b', "it's"]);
    expect(got.code).toBe(2);
    expect(got.out).toMatch(
      /^--- sibling 1 of 2, dot a:\d+, text\/plain; charset=utf-8, 3 bytes\none\n--- sibling 2 of 2, .*\ntwo\n$/,
    );
    const context = /--context (\S+)/.exec(got.err)?.[1];
    expect(got.err).toContain(`ringfort put b 'it'\\''s' <merged value>`);
    const json = await ringfort(['get', 'b', "it's", '--json']);
    expect(json.code).toBe(2);
    expect(JSON.parse(json.out)).toMatchObject({ context, siblings: [{}, {}] });
    await ringfort(['put', 'b', "it's", 'both', '--context', context ?? '']);
    expect(await ringfort(['get', 'b', "it's"])).toMatchObject({ code: 0, out: 'both' });
  });

  it('end with 3 where there is nothing, with the context of a deletion', async () => {
    expect(await ringfort(['get', 'b', 'k'])).toEqual({ code: 3, out: '', err: 'there is no value under b/k' });
    expect(await ringfort(['delete', 'b', 'k'])).toMatchObject({ code: 0, out: `${text('tombstone')}\n` });
    expect((await ringfort(['get', 'b', 'k'])).err).toBe(
      `there is no value under b/k (deleted)\ncontext: ${text('tombstone')}`,
    );
  });

  it('hand quorums and deadlines over', async () => {
    await ringfort(['put', 'b', 'k', 'v', '-w', 'all', '--dw', '1', '--no-sloppy', '--timeout-ms', '123']);
    expect(node.coordinator.calls.at(-1)).toMatchObject({
      request: { w: 'all', dw: 1, sloppy: false },
      options: { timeoutMs: 123 },
    });
    await ringfort(['get', 'b', 'k', '-r', '1']);
    expect(node.coordinator.calls.at(-1)?.request).toMatchObject({ r: 1 });
    expect(node.coordinator.calls.at(-1)?.request).toHaveProperty('sloppy', undefined);
  });
});

describe('keys', () => {
  it('prints one a line, and stops at the limit', async () => {
    for (const key of ['a', 'b\nb', 'c']) await ringfort(['put', 'b', key, 'v']);
    expect((await ringfort(['keys', 'b', '--limit', '3', '--json'])).out).toBe('"a"\n"b\\nb"\n"c"\n');
    expect((await ringfort(['keys', 'b', '--limit', '1'])).out).toBe('a\n');
    expect(await ringfort(['keys', 'b', '--limit', 'x'])).toMatchObject({ code: 64 });
  });
});

describe('status', () => {
  it('shows every node in a table', async () => {
    const { code, out } = await ringfort(['status']);
    expect(code).toBe(0);
    expect(out).toContain('cluster ringfort, ring 0123456789abcdef (3 records), as n1 (member) sees it');
    expect(out).toMatch(/n2\s.*suspect.*http:\/\/127\.0\.0\.1:7001.*42.*256.*default.*2\.5 s/);
    expect(out).toMatch(/n3\s.*down.*never heard/);
    expect(JSON.parse((await ringfort(['status', '--json'])).out)).toMatchObject({ self: 'n1' });
    expect(await ringfort(['status', '--watch', '0'])).toMatchObject({ code: 64 });
  });
});

describe('cluster plan', () => {
  it('shows what a change would do', async () => {
    const { code, out } = await ringfort(['cluster', 'plan', 'add', 'n6', '--weight', '2', '--zone', 'z9']);
    expect(code).toBe(0);
    expect(out).toMatch(/^plan for ring [0-9a-f]{16} \(3 records\): add n6\n255 slots move; balance 100\.0% now/);
    expect(out).toMatch(/n6\s.*joins.*z9.*2.*0.*255.*256\.0.*-.*255/);
    expect(out).toMatch(/n1\s.*n6.*\d+.*\(--all\)/);
    const all = await ringfort(['cluster', 'plan', 'add', 'n6', '--all']);
    expect(all.out).not.toContain('(--all)');
    const crowded = await ringfort(['cluster', 'plan', 'rezone', 'n1', 'z1']);
    expect(crowded.out).toMatch(/warning: 256 of 256 partitions would have two replicas in one zone/);
  });

  it('of every kind is asked of the node', async () => {
    const json = async (...args: string[]) =>
      JSON.parse((await ringfort(['cluster', 'plan', ...args, '--json'])).out).changes;
    expect(await json('leave', 'n2')).toEqual([{ type: 'leave', node: 'n2' }]);
    expect(await json('remove', 'n2')).toEqual([{ type: 'remove', node: 'n2' }]);
    expect(await json('replace', 'n2', 'n6')).toEqual([{ type: 'replace', node: 'n2', by: 'n6' }]);
    expect(await json('reweight', 'n2', '2.5')).toEqual([{ type: 'reweight', node: 'n2', weight: 2.5 }]);
    expect(await json('rezone', 'n2', 'b')).toEqual([{ type: 'rezone', node: 'n2', zone: 'b' }]);
    const several = [
      { type: 'add', node: 'n6' },
      { type: 'leave', node: 'n2' },
    ];
    expect(await json('changes', JSON.stringify(several))).toEqual(several);
  });

  it('says what is wrong', async () => {
    expect(await ringfort(['cluster', 'plan', 'leave', 'x'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('UNKNOWN_NODE'),
    });
    expect(await ringfort(['cluster', 'plan', 'stay', 'n2'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('NOTHING_CHANGES'),
    });
    for (const wrong of [['reweight', 'n2', 'heavy'], ['changes', '{'], ['vanish', 'n2'], []]) {
      expect(await ringfort(['cluster', 'plan', ...wrong])).toMatchObject({ code: 64 });
    }
  });
});

describe('changes of the cluster', () => {
  it('are shown, asked about, and committed as they were planned', async () => {
    const refused = await ringfort(['cluster', 'leave', 'n2'], { answer: 'n' });
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('nothing was changed') });
    expect(node.membership.committed).toEqual([]);
    const { code, out } = await ringfort(['cluster', 'leave', 'n2'], { answer: 'y' });
    expect(code).toBe(0);
    expect(out).toMatch(/^plan for ring [\s\S]*n2\s.*leaves[\s\S]*committed: ring [0-9a-f]{16} \(4 records\)/);
    const basedOn = { size: 3, digest: expect.stringMatching(/^[0-9a-f]{16}$/) };
    expect(node.membership.committed).toEqual([{ basedOn, changes: [{ type: 'leave', node: 'n2' }] }]);
    node.membership.committed.length = 0;
    expect(await ringfort(['cluster', 'remove', 'n3'], { stdin: '' })).toMatchObject({
      code: 64,
      err: expect.stringContaining('--yes'),
    });
    const added = await ringfort(['cluster', 'add', 'n6', '-w', '2', '--yes', '--json'], { stdin: '' });
    expect(JSON.parse(added.out).ringVersion.size).toBe(4);
    expect(node.membership.committed[0]?.changes).toEqual([{ type: 'add', node: 'n6', weight: 2 }]);
  });

  it('are committed from what a plan printed', async () => {
    node.membership.committed.length = 0;
    const planned = await ringfort(['cluster', 'plan', 'reweight', 'n2', '3', '--json']);
    expect(await ringfort(['cluster', 'commit'], { stdin: planned.out })).toMatchObject({ code: 0 });
    expect(node.membership.committed[0]?.changes).toEqual([{ type: 'reweight', node: 'n2', weight: 3 }]);
    expect(await ringfort(['cluster', 'commit'], { stdin: '{' })).toMatchObject({ code: 64 });
    expect(await ringfort(['cluster', 'commit'], { stdin: '{}' })).toMatchObject({
      code: 1,
      err: expect.stringContaining('INVALID_BODY'),
    });
  });

  it('are taken back', async () => {
    const { code, out } = await ringfort(['cluster', 'abort', '--yes']);
    expect(code).toBe(0);
    expect(out).toMatch(/stay n2[\s\S]*It is taken back\./);
  });

  it('are followed until every slot is where it should be', async () => {
    expect((await ringfort(['cluster', 'status'])).out).toMatch(/^every slot is where it should be: ring/);
    const base = { partition: 7, replica: 1, turn: 0, vacant: false, recorders: ['n1'], recorded: [] };
    node.membership.moving = [
      { ...base, from: 'n1', to: 'n3' },
      { ...base, partition: 8, from: 'n2', to: 'n3', vacant: true },
    ];
    const { out } = await ringfort(['cluster', 'status']);
    node.membership.moving = [];
    expect(out).toMatch(/^\[-{30}\] 0 of 2 slots have changed hands/);
    expect(out).toMatch(/n1 -> n3: 1\n {2}n2, which is gone, -> n3: 1/);
  });
});

describe('failures', () => {
  it('are told in one line with the code of the node', async () => {
    node.coordinator.failure = coded('QUORUM_UNAVAILABLE', { outcome: 'indeterminate' }, 'only 1 of 2 answered');
    expect(await ringfort(['put', 'b', 'k', 'v'])).toEqual({
      code: 1,
      out: '',
      err: 'QUORUM_UNAVAILABLE: only 1 of 2 answered [outcome: indeterminate]',
    });
    expect(await ringfort(['get', 'b', 'k', '-r', '9'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('INVALID_QUORUM'),
    });
  });

  it('say that a node cannot be reached, or is none', async () => {
    const unreachable = await ringfort(['get', 'b', 'k', '--url', 'http://127.0.0.1:1']);
    expect(unreachable).toMatchObject({ code: 1, err: expect.stringContaining('cannot reach http://127.0.0.1:1') });
    expect(await ringfort(['get', 'b', 'k', '--url', 'nonsense'])).toMatchObject({
      code: 64,
      err: expect.stringContaining('is no URL'),
    });
    expect(await ringfort(['get', 'b', 'k', '--url', `${url}/elsewhere`])).toMatchObject({
      code: 1,
      err: expect.stringContaining('not served'),
    });
  });

  it.each([
    [['get', 'b']],
    [['get', 'b', 'k', 'more', 'x']],
    [['fetch']],
    [['get', 'b', 'k', '--frob']],
    [['get', 'b', '..']],
    [['keys', '']],
    [['put', 'b', 'k', 'v', '--context']],
  ])('%j is not understood', async (args) => {
    const { code, err } = await ringfort(args);
    expect(code).toBe(64);
    expect(err.length).toBeGreaterThan(0);
  });

  it.each([
    ['--nodes', 'many'],
    ['--nodes', '0'],
    ['--http-port', '65535'],
    ['--http-port', '-1'],
    ['--durability', 'never'],
    ['--log-level', 'loud'],
  ])('ringfort dev %s %s names the option', async (flag, value) => {
    const { code, err } = await ringfort(['dev', flag, value]);
    expect(code).toBe(64);
    expect(err).toContain(`${flag}: `);
  });

  it('ringfort dev wants NATS or embedded, not both', async () => {
    expect(await ringfort(['dev', '--embedded', '--nats', 'x'])).toMatchObject({
      code: 64,
      err: expect.stringContaining('not both'),
    });
  });
});

describe('help', () => {
  it.each([
    [],
    ['node'],
    ['dev'],
    ['get'],
    ['put'],
    ['delete'],
    ['keys'],
    ['status'],
    ['cluster'],
    ['cluster', 'plan'],
    ['cluster', 'commit'],
  ])('ringfort %s --help has examples', async (...command) => {
    const { code, out } = await ringfort([...command, '--help']);
    expect(code).toBe(0);
    expect(out).toMatch(/Examples?:/);
  });

  it('tells the version', async () => {
    expect(await ringfort(['--version'])).toMatchObject({ code: 0, out: '0.1.0\n' });
  });
});
