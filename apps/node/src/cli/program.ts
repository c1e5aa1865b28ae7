import { Command, CommanderError, Option } from 'commander';
import { settings } from '../config-sources.ts';
import { version } from '../version.ts';
import { addCluster } from './cluster-commands.ts';
import { endpointOptions } from './endpoint.ts';
import { exitCode } from './exit.ts';
import { type CommandIo, processIo } from './io.ts';
import { addOperator } from './operator-commands.ts';

/** Runs a command line and resolves with its exit code. What a command needs is loaded by that command alone. */
export async function run(args: readonly string[], io: CommandIo = processIo): Promise<number> {
  let code: number = exitCode.done;
  const program = createProgram(io, (result) => {
    code = result;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.done : exitCode.usage;
    throw error;
  }
}

function createProgram(io: CommandIo, end: (code: number) => void): Command {
  const program = new Command('ringfort')
    .description('An always-writable, replicated key-value store.')
    .version(version)
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.out(text), writeErr: (text) => io.err(text.trimEnd()) })
    .showHelpAfterError('(ringfort --help lists the commands)')
    .addHelpText(
      'after',
      `
Examples:
  ringfort dev                               a cluster of five nodes on this machine
  ringfort put carts ada '["milk"]'          write a value
  ringfort get carts ada                     read it
  ringfort status                            who is up, who holds what

Exit codes: 0 done, 1 failed, 2 siblings found, 3 no such key, 64 command not understood`,
    );
  addNode(program, end);
  addDev(program, end);
  addDemo(program, io, end);
  addKeyCommands(program, io, end);
  addStatus(program, io, end);
  addCluster(program, io, end);
  addOperator(program, io, end);
  return program;
}

function addNode(program: Command, end: (code: number) => void): void {
  const command = program
    .command('node')
    .description('Run one node until SIGTERM or Ctrl-C.')
    .option('--config <file>', 'JSON file with the settings; flags and environment go before it')
    .addOption(new Option('--stop-with-parent').hideHelp());
  for (const { flag, argument, env, help } of settings) {
    if (flag !== undefined) command.option(`${flag} ${argument}`, `${help} [${env}]`);
  }
  command.addHelpText(
    'after',
    `
Secrets are taken from the environment or the file only: ${settings
      .filter(({ flag }) => flag === undefined)
      .map(({ env }) => env)
      .join(', ')}.

Examples:
  ringfort node --id n1                                     a cluster of this node alone, NATS at its default port
  ringfort node --id n2 --nats nats://10.0.0.5:4222 --seeds n1,n2,n3 --data /var/lib/ringfort --http 0.0.0.0:7001 --zone b
  ringfort node --config .ringfort/nodes/n3/node.json       bring a node of ringfort dev back
  RINGFORT_ID=n1 RINGFORT_LOG_LEVEL=info ringfort node`,
  );
  command.action(async () => {
    const { config, stopWithParent, ...given } = command.opts<Record<string, string | boolean>>();
    const flags = Object.fromEntries(
      settings.flatMap(({ path, flag }) => {
        const value = flag === undefined ? undefined : given[camelCase(flag)];
        return typeof value === 'string' ? [[path, value]] : [];
      }),
    );
    const { node } = await import('./node.ts');
    const file = typeof config === 'string' ? config : process.env.RINGFORT_CONFIG;
    end(await node({ sources: { flags, env: process.env, file }, stopWithParent: stopWithParent === true }));
  });
}

function addDev(program: Command, end: (code: number) => void): void {
  program
    .command('dev')
    .description('Run a cluster on this machine until Ctrl-C: one nats-server, and each node its own process.')
    .option('--nodes <n>', 'how many nodes', '5')
    .option('--http-port <port>', 'HTTP port of the first node; the others take the next ones', '7001')
    .option('--data <dir>', 'where the nodes keep their data and configuration', './.ringfort')
    .option('--nats <url>', 'use this NATS server (or several, comma-separated) instead of starting one')
    .option('--embedded', 'all nodes in one process on an in-memory bus, without NATS')
    .option('--durability <mode>', 'fsync or interval', 'fsync')
    .option('--log-level <level>', 'of the nodes', 'warn')
    .addHelpText(
      'after',
      `
Examples:
  ringfort dev
  ringfort dev --nodes 3 --http-port 8001 --data /tmp/rf
  ringfort dev --nats nats://127.0.0.1:4222
  ringfort dev --embedded

A node that was killed is brought back by hand, while the rest goes on:
  ringfort node --config .ringfort/nodes/n3/node.json`,
    )
    .action(async (options) => {
      const { dev } = await import('./dev.ts');
      end(await dev(options));
    });
}

function addDemo(program: Command, io: CommandIo, end: (code: number) => void): void {
  program
    .command('demo')
    .description('Tell the shopping cart of the Dynamo paper on a cluster of its own, and check every step of it.')
    .option('--embedded', 'all nodes in one process on an in-memory bus, without NATS')
    .addHelpText('after', '\nExit code 0: every step held. Nothing is left behind.\n\nExample:\n  ringfort demo')
    .action(async (options) => end(await (await import('./demo.ts')).demo(options, io)));
}

function addKeyCommands(program: Command, io: CommandIo, end: (code: number) => void): void {
  requestOptions(program.command('get <bucket> <key>'), io)
    .description('Read a value: it goes to standard output, its context to standard error.')
    .option('-r, --r <n>', 'replicas that must answer: a number, one, quorum or all')
    .addHelpText(
      'after',
      "\nExamples:\n  ringfort get carts ada\n  ringfort get carts ada --json | jq -r '.context'\n\nExit code 2: there are siblings; 3: there is no such key.",
    )
    .action(async (bucket, key, options) => end(await (await import('./kv.ts')).get(bucket, key, options, io)));

  writeOptions(requestOptions(program.command('put <bucket> <key> [value]'), io))
    .description('Write a value, given as argument, by --file, or on standard input; prints its context.')
    .option('-f, --file <file>', 'take the value from a file (-: standard input)')
    .option('--content-type <type>', 'kept with the value')
    .addHelpText(
      'after',
      `
Without --context it is a blind write: it stands beside what is there already, as a sibling.

Examples:
  ringfort put carts ada '["milk"]' --content-type application/json
  ringfort put pictures cat --file cat.png --content-type image/png
  ringfort put carts ada '["milk","tea"]' --context "$(ringfort get carts ada --json | jq -r .context)"`,
    )
    .action(async (bucket, key, value, options) =>
      end(await (await import('./kv.ts')).put(bucket, key, value, options, io)),
    );

  writeOptions(requestOptions(program.command('delete <bucket> <key>'), io))
    .description('Delete a key; prints the context of its tombstone.')
    .option('-r, --r <n>', 'replicas read first, when no context is given')
    .addHelpText(
      'after',
      '\nWithout --context it covers what a read of R returns.\n\nExample:\n  ringfort delete carts ada',
    )
    .action(async (bucket, key, options) => end(await (await import('./kv.ts')).remove(bucket, key, options, io)));

  endpointOptions(program.command('keys <bucket>'), io)
    .description('List the keys of a bucket, one a line.')
    .option('--limit <n>', 'stop after so many')
    .addHelpText(
      'after',
      '\nExamples:\n  ringfort keys carts\n  ringfort keys carts --limit 10 --json    each key as a JSON string, for keys with line breaks',
    )
    .action(async (bucket, options) => end(await (await import('./kv.ts')).keys(bucket, options, io)));
}

function addStatus(program: Command, io: CommandIo, end: (code: number) => void): void {
  endpointOptions(program.command('status'), io)
    .description('Show the nodes of the cluster as one of them sees them.')
    .option('-w, --watch [seconds]', 'look again every so many seconds (2)')
    .addHelpText('after', '\nExamples:\n  ringfort status\n  ringfort status --url http://127.0.0.1:7003 --watch')
    .action(async (options) => end(await (await import('./status.ts')).status(options, io)));
}

function requestOptions(command: Command, io: CommandIo): Command {
  return endpointOptions(command, io)
    .option('--timeout-ms <ms>', 'deadline of the request')
    .option('--no-sloppy', 'only primaries count, no stand-ins');
}

function writeOptions(command: Command): Command {
  return command
    .option('-c, --context <context>', 'what was seen before: the write replaces exactly that')
    .option('-w, --w <n>', 'replicas that must have written: a number, one, quorum or all')
    .option('--dw <n>', 'of these, how many to disk');
}

function camelCase(flag: string): string {
  return flag.replace(/^--/, '').replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
