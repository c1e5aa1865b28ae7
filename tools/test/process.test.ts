import { expect, test } from 'vitest';
import { findNatsServer } from '../src/nats-server.ts';
import { run } from '../src/process.ts';
import { writeTree } from './workspace-fixture.ts';

const node = (code: string, timeoutMs = 15_000) =>
  run(process.execPath, ['-e', code], { cwd: process.cwd(), timeoutMs });

test('a program is run to its end, with its output and exit code', async () => {
  const ran = await node('console.log("out"); console.error("err"); process.exitCode = 3');
  expect(ran).toMatchObject({ code: 3, stdout: 'out\n', timedOut: false });
  expect(ran.output).toContain('err');
});

test('a program that hangs is ended together with its children', async () => {
  const grandchild = `require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' })`;
  const ran = await node(`console.log(${grandchild}.pid); setInterval(() => {}, 1000)`, 700);
  expect(ran.timedOut).toBe(true);
  expect(ran.code).toBe(128 + 9);
});

test('a program that is not there is a clear error', async () => {
  await expect(run('/no/such/program', [], { cwd: process.cwd(), timeoutMs: 1000 })).rejects.toThrow(
    'cannot run /no/such/program',
  );
});

test('a nats-server is found by name, then on PATH', () => {
  const root = writeTree({ 'nats-server': '#!/bin/sh\n', 'plain.txt': '' });
  const program = process.execPath;
  expect(findNatsServer({ RINGFORT_NATS_SERVER: program, PATH: '' })).toBe(program);
  expect(() => findNatsServer({ RINGFORT_NATS_SERVER: `${root}/plain.txt` })).toThrow('RINGFORT_NATS_SERVER');
  expect(() => findNatsServer({ RINGFORT_NATS_SERVER: `${root}/none` })).toThrow('is not a program');
});
