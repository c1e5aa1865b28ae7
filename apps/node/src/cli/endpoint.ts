import { type Command, Option } from 'commander';
import { defaultUrl } from './api.ts';
import type { CommandIo } from './io.ts';

/** Which node a command asks, and as whom. */
export function endpointOptions(command: Command, io: CommandIo): Command {
  return command
    .addOption(
      new Option('--url <url>', 'any node of the cluster [RINGFORT_URL]').default(io.env.RINGFORT_URL ?? defaultUrl),
    )
    .addOption(
      new Option('--token <token>', 'bearer token; better in the environment [RINGFORT_TOKEN]').default(
        io.env.RINGFORT_TOKEN,
        'none',
      ),
    )
    .option('--json', 'print JSON');
}
