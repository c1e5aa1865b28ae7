import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bucketSettingsSchema, nodeIdSchema } from '@ringfort/ring/contract';
import { z } from 'zod';
import { CommandError } from './exit.ts';

export const manifestName = 'manifest.json';

/** What a backup is, and how to tell that it is whole. It is written last: a directory without it is no backup. */
export const manifestSchema = z.strictObject({
  ringfort: z.literal('backup'),
  version: z.literal(1),
  cluster: z.string(),
  /** The membership history when it was begun. */
  ring: z.strictObject({ digest: z.string(), size: z.int().min(0) }),
  beganAt: z.iso.datetime(),
  endedAt: z.iso.datetime(),
  buckets: z.array(z.strictObject({ name: z.string().min(1), settings: bucketSettingsSchema })),
  copies: z.array(
    z.strictObject({
      node: nodeIdSchema,
      storeId: z.string(),
      /** Beside the manifest. */
      file: z.string().regex(/^[A-Za-z0-9_-]+\.copy$/),
      bytes: z.int().min(0),
      sha256: z.string().length(64),
      rows: z.int().min(0),
      /** Replicas, what was kept for other nodes, and how many of both could not be read. */
      records: z.int().min(0),
      hints: z.int().min(0),
      corrupt: z.int().min(0),
    }),
  ),
  /** Members of which there is no copy, as they could not be reached. */
  missing: z.array(nodeIdSchema),
});
export type Manifest = z.infer<typeof manifestSchema>;
export type CopyEntry = Manifest['copies'][number];

/** @throws CommandError `NOT_A_BACKUP` */
export async function readManifest(directory: string): Promise<Manifest> {
  const path = join(directory, manifestName);
  const refuse = (why: string, cause: unknown) => new CommandError('NOT_A_BACKUP', `${directory}: ${why}`, { cause });
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const why = `there is no ${manifestName} that can be read (${(cause as Error).message}): no backup, or one that was broken off`;
    throw refuse(why, cause);
  }
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw refuse(`${manifestName} is not that of a backup of version 1`, cause);
  }
}
