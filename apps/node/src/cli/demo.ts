import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@ringfort/bus';
import { findNatsServer } from '@ringfort/nats-server';
import picocolors from 'picocolors';
import { type DemoCluster, demoEmbedded, demoProcesses, freeRange } from '../demo/cluster.ts';
import { Narrator } from '../demo/narrator.ts';
import { tellStory } from '../demo/story.ts';
import { DevDirectory } from '../dev/directory.ts';
import { type DevOptions, parseDevOptions } from '../dev/options.ts';
import { exitCode, failureOf } from './exit.ts';
import type { CommandIo } from './io.ts';

const nodes = 5;
/** As shells tell of a program that Ctrl-C ended. */
const interrupted = 130;

/** `ringfort demo`: tells and checks the story of the shopping cart; resolves with 0 only if every step held. */
export async function demo({ embedded }: { embedded?: boolean }, io: CommandIo): Promise<number> {
  const startedMs = systemClock.monotonicMs();
  const narrator = new Narrator((text) => io.out(text), process.stdout.isTTY === true && picocolors.isColorSupported);
  const stopAsked = new Promise<'interrupted'>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve('interrupted'));
  });
  const directory = new DevDirectory(mkdtempSync(join(tmpdir(), 'ringfort-demo-')));
  narrator.title('Ringfort: the shopping cart of the Dynamo paper');
  let cluster: DemoCluster | undefined;
  let keepLogs = false;
  try {
    cluster = await startCluster(embedded === true, directory, narrator, stopAsked);
    const end = await Promise.race([tellStory(cluster, narrator), stopAsked]);
    if (end === 'interrupted') {
      narrator.breakOff();
      return interrupted;
    }
    const seconds = ((systemClock.monotonicMs() - startedMs) / 1000).toFixed(1);
    narrator.end(`demo: every step held (${narrator.steps} steps, ${narrator.checks} checks, ${seconds} s)`, true);
    return exitCode.done;
  } catch (error) {
    if ((error as { code?: unknown }).code === 'STOPPED') return interrupted;
    keepLogs = true;
    narrator.end(`demo: ${failureOf(error).line}`, false);
    narrator.say(`what the nodes left is kept in ${directory.path}`);
    return exitCode.failed;
  } finally {
    await cluster?.stop();
    if (!keepLogs) rmSync(directory.path, { recursive: true, force: true });
  }
}

async function startCluster(
  embedded: boolean,
  directory: DevDirectory,
  narrator: Narrator,
  stopAsked: Promise<unknown>,
): Promise<DemoCluster> {
  directory.create(Array.from({ length: nodes }, (_, index) => `n${index + 1}`));
  const options = await optionsFor(directory.path);
  const withoutNats = embedded || (await findNatsServer()) === undefined;
  if (withoutNats && !embedded) {
    narrator.say(
      'There is no nats-server here (Debian: apt-get install nats-server; or set RINGFORT_NATS_SERVER to its path).',
    );
  }
  const where = withoutNats
    ? 'in this one process, on a bus in memory'
    : 'each its own process, and a nats-server between them';
  narrator.say(`Five nodes, ${where}. Three hold each cart; two answers make a read or a write.`);
  return withoutNats ? demoEmbedded(options) : demoProcesses(options, directory, stopAsked);
}

async function optionsFor(path: string): Promise<DevOptions> {
  const httpPort = await freeRange(nodes);
  return parseDevOptions({
    nodes: String(nodes),
    httpPort: String(httpPort),
    data: path,
    durability: 'fsync',
    logLevel: 'warn',
  });
}
