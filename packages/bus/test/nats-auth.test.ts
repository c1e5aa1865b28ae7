import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeAccount, encodeOperator, encodeUser, fmtCreds } from '@nats-io/jwt';
import { createAccount, createOperator, createUser } from '@nats-io/nkeys';
import { type NatsBusOptions, natsBus } from '@ringfort/bus';
import { type NatsServer, startNatsServer } from '@ringfort/nats-server';
import { generate } from 'selfsigned';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { double, happened } from './support/contracts.ts';

const soon = { timeoutMs: 5_000 };
const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function serverWith(config: string): Promise<NatsServer> {
  const server = await startNatsServer({ config });
  cleanups.push(() => server.stop());
  return server;
}

type Access = Pick<NatsBusOptions, 'auth' | 'tls' | 'connectTimeoutMs'>;

/** Two buses with this access can talk. */
async function talks(servers: string, access: Access): Promise<void> {
  const common = { servers, cluster: 'dev', failFast: true, ...access };
  const server = await natsBus({ ...common, self: 'node.n1' });
  const client = await natsBus({ ...common, self: 'client.c1' });
  server.serve('node.n1.math', double, (n) => n * 2);
  await server.flush();
  expect(await client.request('node.n1.math', double, 21, soon)).toBe(42);
  await Promise.all([server.close(), client.close()]);
}

async function refused(servers: string, access: Access, message: RegExp): Promise<void> {
  const made = natsBus({ servers, cluster: 'dev', self: 'node.n1', failFast: true, ...access });
  await expect(made).rejects.toMatchObject({ code: 'CONNECT_FAILED', message: expect.stringMatching(message) });
}

/** A JWT without them allows no connection at all. */
const unlimited = { conn: -1, subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, leaf: -1 };
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

describe('who may connect', () => {
  test('user and password', async () => {
    const { url } = await serverWith('authorization { user: ringfort, password: "s3cret" }');
    await talks(url, { auth: { user: 'ringfort', pass: 's3cret' } });
    await refused(url, { auth: { user: 'ringfort', pass: 'wrong' } }, /authorization/i);
    await refused(url, {}, /authorization/i);
  });

  test('token', async () => {
    const { url } = await serverWith('authorization { token: "t0ken" }');
    await talks(url, { auth: { token: 't0ken' } });
    await refused(url, { auth: { token: 'other' } }, /authorization/i);
  });

  test('nkey', async () => {
    const user = createUser();
    const { url } = await serverWith(`authorization { users: [ { nkey: ${user.getPublicKey()} } ] }`);
    await talks(url, { auth: { nkeySeed: text(user.getSeed()) } });
    await refused(url, { auth: { nkeySeed: text(createUser().getSeed()) } }, /authorization/i);
  });

  test('creds: operator, account and user by JWT', async () => {
    const [operator, account, user, stranger] = [createOperator(), createAccount(), createUser(), createUser()];
    const operatorJwt = await encodeOperator('ringfort', operator);
    const accountJwt = await encodeAccount('nodes', account, { limits: unlimited }, { signer: operator });
    const userJwt = await encodeUser('n1', user, account, {});
    const { url } = await serverWith(
      `operator: ${operatorJwt}\nresolver: MEMORY\nresolver_preload: { ${account.getPublicKey()}: ${accountJwt} }`,
    );
    await talks(url, { auth: { creds: text(fmtCreds(userJwt, user)) } });
    const foreignJwt = await encodeUser('n2', stranger, createAccount(), {});
    await refused(url, { auth: { creds: text(fmtCreds(foreignJwt, stranger)) } }, /authorization/i);
  });
});

test('credentials that are none are refused before anything is sent', async () => {
  for (const auth of [{ nkeySeed: 'SUNONSENSE' }, { creds: 'no creds' }]) {
    const made = natsBus({ servers: 'nats://127.0.0.1:1', cluster: 'dev', self: 'node.n1', auth });
    await expect(made).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  }
});

describe('TLS', () => {
  async function certificates() {
    const dir = await mkdtemp(join(tmpdir(), 'ringfort-tls-'));
    cleanups.push(() => rm(dir, { recursive: true, force: true }));
    const extensions = [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }];
    const ca = await generate([{ name: 'commonName', value: 'Ringfort test' }], {
      algorithm: 'sha256',
      keyType: 'ec',
      extensions: [{ name: 'basicConstraints', cA: true, critical: true }],
    } as never);
    const signed = { algorithm: 'sha256', keyType: 'ec', extensions, ca: { key: ca.private, cert: ca.cert } };
    const server = await generate([{ name: 'commonName', value: 'localhost' }], signed as never);
    const client = await generate([{ name: 'commonName', value: 'node.n1' }], signed as never);
    const files = { ca: ca.cert, 'server.crt': server.cert, 'server.key': server.private };
    for (const [name, content] of Object.entries(files)) await writeFile(join(dir, name), content);
    return { dir, ca: ca.cert, client };
  }

  test('the server is verified, by text or by file; an unknown authority is refused', async () => {
    const { dir, ca } = await certificates();
    const { port } = await serverWith(`tls { cert_file: "${dir}/server.crt", key_file: "${dir}/server.key" }`);
    await talks(`nats://localhost:${port}`, { tls: { ca } });
    await talks(`nats://localhost:${port}`, { tls: { caFile: join(dir, 'ca') } });
    await refused(`nats://localhost:${port}`, { tls: {} }, /certificate/i);
  });

  test('the client is verified where the server asks for it', async () => {
    const { dir, ca, client } = await certificates();
    const { port } = await serverWith(
      `tls { cert_file: "${dir}/server.crt", key_file: "${dir}/server.key", ca_file: "${dir}/ca", verify: true }`,
    );
    await talks(`nats://localhost:${port}`, { tls: { ca, cert: client.cert, key: client.private } });
    await refused(`nats://localhost:${port}`, { tls: { ca }, connectTimeoutMs: 300 }, /certificate/);
  });
});

test('what the account does not permit ends NOT_PERMITTED, and is told', async () => {
  const { url } = await serverWith(`authorization { users: [
    { user: node, password: x }
    { user: client, password: x, permissions: {
      publish: ["ringfort.dev.kv.>"], subscribe: ["ringfort.dev.client.c1.>"] } } ] }`);
  const told = vi.fn();
  const common = { servers: url, cluster: 'dev', failFast: true };
  const node = await natsBus({ ...common, self: 'node.n1', auth: { user: 'node', pass: 'x' } });
  const auth = { user: 'client', pass: 'x' };
  const client = await natsBus({ ...common, self: 'client.c1', auth, onError: told });
  node.serve('kv.double', double, (n) => n * 2, { queue: 'kv' });
  node.serve('node.n1.math', double, (n) => n * 2);
  await node.flush();
  expect(await client.request('kv.double', double, 4, soon)).toBe(8);
  const forbidden = client.request('node.n1.math', double, 4, { timeoutMs: 60_000 });
  await expect(forbidden).rejects.toMatchObject({ code: 'NOT_PERMITTED' });
  client.listen('events.happened', happened, () => {});
  await vi.waitFor(() => expect(told).toHaveBeenCalledTimes(2));
  expect(told.mock.calls.map(([error]) => error.details)).toEqual([
    { subject: 'ringfort.dev.node.n1.math', operation: 'publishing' },
    { subject: 'ringfort.dev.events.happened', operation: 'subscribing' },
  ]);
  await Promise.all([node.close(), client.close()]);
});
