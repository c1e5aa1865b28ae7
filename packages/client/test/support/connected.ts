import type { Bus } from '@ringfort/bus';
import { afterEach } from 'vitest';
import { connect, type Db, type RetryOptions } from '../../src/index.ts';
import { FakeCluster } from './fake-cluster.ts';

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

/** A fake cluster and a client of it, both closed after the test. */
export async function connected(
  options: { nodes?: string[]; founded?: boolean; timeoutMs?: number; retry?: RetryOptions } = {},
): Promise<{ cluster: FakeCluster; bus: Bus; db: Db }> {
  const { nodes = ['n1', 'n2', 'n3', 'n4', 'n5'], founded = true, ...rest } = options;
  const cluster = new FakeCluster(nodes, founded);
  open.push(() => cluster.close());
  const bus = cluster.clientBus();
  open.push(() => bus.close());
  const db = await connect({ bus, ...rest });
  open.push(() => db.close());
  return { cluster, bus, db };
}

/** A promise and its ends, for behaviours that wait to be told. */
export function gate(): { opened: Promise<void>; open: () => void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
