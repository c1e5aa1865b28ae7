import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { Command } from './support.ts';

const temp = mkdtempSync(join(tmpdir(), 'ringfort-demo-test-'));
afterAll(() => rmSync(temp, { recursive: true }));
const commands: Command[] = [];
afterEach(async () => {
  await Promise.all(commands.splice(0).map((command) => command.stop('SIGKILL')));
});

function demo(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Command {
  const command = new Command(['demo', ...args], { TMPDIR: temp, ...env });
  commands.push(command);
  return command;
}

const left = () => readdirSync(temp);
const lastLine = (command: Command) => command.text.trim().split('\n').at(-1);
const steps = (command: Command) => command.text.match(/^\d+\. .*$/gm);

describe('ringfort demo', () => {
  it('tells the whole story on real processes, every step of it held, and leaves nothing behind', async () => {
    const told = demo();
    expect(await told.ended, told.text).toEqual({ code: 0, signal: null });
    expect(lastLine(told)).toMatch(/^demo: every step held \(9 steps, \d+ checks, \d+\.\d s\)$/);
    expect(steps(told)).toHaveLength(9);
    expect(told.text).toContain('killed with kill -9');
    expect(told.text).not.toContain('\u001b'); // no colours where no terminal is
    expect(left()).toEqual([]);
  });

  it('tells it embedded where there is no nats-server, and says how to get one', async () => {
    const told = demo([], { RINGFORT_NATS_SERVER: '/nonexistent' });
    expect(await told.ended, told.text).toEqual({ code: 0, signal: null });
    expect(told.text).toContain('apt-get install nats-server');
    expect(lastLine(told)).toMatch(/^demo: every step held/);
    expect(steps(told)).toHaveLength(9);
  });

  it('ends with 1 and the reason when it cannot be told', async () => {
    const told = demo([], { RINGFORT_NATS_SERVER: '/bin/false' });
    expect(await told.ended, told.text).toEqual({ code: 1, signal: null });
    expect(told.text).toContain('demo: nats-server did not start');
    expect(told.text).not.toContain('every step held');
    // What a failed telling left is kept, to look into.
    const [, kept] = /is kept in (\S+)$/m.exec(told.text) ?? [];
    expect(left().map((name) => join(temp, name))).toEqual([kept]);
    rmSync(kept ?? '', { recursive: true });
  });

  it('can be broken off at any time, and cleans up', async () => {
    const told = demo();
    await told.said(/^\d\. Writes go on$/m);
    expect(await told.stop('SIGINT')).toEqual({ code: 130, signal: null });
    expect(told.text).not.toContain('demo:');
    expect(left()).toEqual([]);
  });
});
