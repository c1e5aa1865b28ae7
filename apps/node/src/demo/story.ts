import { cartText, mergeCarts } from './cart-core.ts';
import type { DemoCluster } from './cluster.ts';
import type { Narrator } from './narrator.ts';
import { type CartRead, hintsOwedTo, isServing, lookAtReplicas, readCart, statusOf, writeCart } from './shop.ts';

const shopper = 'alice';
const otherShoppers = Array.from({ length: 30 }, (_, index) => `shopper-${index + 1}`);
const settleMs = 15_000;

/** What the steps of the story share. */
interface Scene {
  readonly cluster: DemoCluster;
  readonly narrator: Narrator;
  /** The node that will fail: the first in the cart's preference list, where the phone is served. */
  readonly victim: string;
  readonly phoneUrl: string;
  /** The nodes that stay, the laptop's first. */
  readonly othersUrls: readonly string[];
  readonly laptopUrl: string;
}

/** The shopping cart of the Dynamo paper (sections 1, 4.4 and 4.6). @throws StepFailedError at the first step that does not hold */
export async function tellStory(cluster: DemoCluster, narrator: Narrator): Promise<void> {
  const scene = await firstWrite(cluster, narrator);
  const seen = await bothDevicesRead(scene);
  await phoneWrites(scene, seen);
  await nodeFails(scene);
  await laptopWrites(scene, seen);
  const versions = await siblingsAppear(scene);
  await applicationMerges(scene, versions);
  await nodeReturns(scene);
  await allReplicasEqual(scene);
  narrator.check('no other node, and no NATS server, ended meanwhile', cluster.strays, []);
}

async function firstWrite(cluster: DemoCluster, narrator: Narrator): Promise<Scene> {
  narrator.step('A cart is written');
  const anyUrl = cluster.nodes[0]!.url;
  await narrator.checkBecomes('all five nodes serve', settleMs, cluster.nodes.length, async () => {
    const serving = await Promise.all(cluster.nodes.map(({ url }) => isServing(url)));
    return serving.filter(Boolean).length;
  });
  await writeCart(anyUrl, shopper, { book: 1 });
  narrator.say(`Alice puts a book into her cart. Node ${cluster.nodes[0]!.id} took the request; any node would have.`);
  const { replicas } = await lookAtReplicas(anyUrl, shopper);
  const owners = replicas.map(({ node }) => node);
  const [victim = ''] = owners;
  const scene = sceneOf(cluster, narrator, victim);
  await replicasBecomeEqual(
    scene,
    `the three nodes that her cart belongs to, ${owners.join(', ')}, hold the same bytes`,
    [shopper],
  );
  return scene;
}

function sceneOf(cluster: DemoCluster, narrator: Narrator, victim: string): Scene {
  const urls = (wanted: boolean) => cluster.nodes.filter(({ id }) => (id === victim) === wanted).map(({ url }) => url);
  const [phoneUrl = ''] = urls(true);
  const othersUrls = urls(false);
  return { cluster, narrator, victim, phoneUrl, othersUrls, laptopUrl: othersUrls[0]! };
}

async function bothDevicesRead({ narrator, phoneUrl, laptopUrl }: Scene): Promise<CartRead> {
  narrator.step('Two devices open the same cart');
  const [phone, laptop] = await Promise.all([readCart(phoneUrl, shopper), readCart(laptopUrl, shopper)]);
  narrator.check('her phone sees one version: book x1', phone.carts, [{ book: 1 }]);
  narrator.check('her laptop sees it too', laptop.carts, phone.carts);
  narrator.check('with the same context, which says what they have seen', laptop.context, phone.context);
  return phone;
}

async function phoneWrites(scene: Scene, seen: CartRead): Promise<void> {
  const { narrator, victim, phoneUrl } = scene;
  narrator.step('The phone adds two pens');
  await writeCart(phoneUrl, shopper, { book: 1, pen: 2 }, seen.context);
  narrator.say(`Node ${victim} accepted: ${cartText({ book: 1, pen: 2 })}.`);
  await replicasBecomeEqual(scene, 'its three replicas are equal', [shopper]);
}

async function nodeFails({ narrator, cluster, victim, phoneUrl }: Scene): Promise<void> {
  narrator.step(`Node ${victim} fails`);
  await cluster.fail(victim);
  narrator.say(`${victim}, the first of her cart's three nodes, was ${cluster.failing}.`);
  narrator.check('it does not answer any more', await isServing(phoneUrl), false);
}

async function laptopWrites({ narrator, victim, laptopUrl, othersUrls }: Scene, seen: CartRead): Promise<void> {
  narrator.step('Writes go on');
  const cart = { book: 2, lamp: 1 };
  await writeCart(laptopUrl, shopper, cart, seen.context);
  narrator.say(`The laptop, which knows nothing of the pens, stores: ${cartText(cart)}. It was not refused.`);
  const written = await Promise.allSettled(
    otherShoppers.map((name, index) =>
      writeCart(othersUrls[index % othersUrls.length]!, name, { book: 1 + (index % 3) }),
    ),
  );
  const refused = written.flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason)] : []));
  narrator.check(`${otherShoppers.length} other shoppers fill their carts: none is refused`, refused, []);
  await narrator.checkBecomes(`the nodes that are left know that ${victim} is down`, settleMs, true, async () => {
    const statuses = await Promise.all(othersUrls.map((url) => statusOf(url, victim)));
    return statuses.every((status) => status === 'down');
  });
  const owed = await hintsOf(othersUrls, victim);
  narrator.check(`stand-ins keep what ${victim} has missed: ${owed} hints`, owed > 0, true);
}

async function siblingsAppear({ narrator, othersUrls }: Scene): Promise<CartRead> {
  narrator.step('Both versions are there');
  const read = await readCart(othersUrls.at(-1)!, shopper);
  const texts = read.carts.map(cartText).sort();
  narrator.say('Neither device had seen the other one write: no clock may say which of them is right.');
  for (const text of texts) narrator.show(`sibling: ${text}`);
  narrator.check("a read returns two siblings, the phone's cart and the laptop's", texts, [
    cartText({ book: 1, pen: 2 }),
    cartText({ book: 2, lamp: 1 }),
  ]);
  return read;
}

async function applicationMerges({ narrator, othersUrls }: Scene, { carts, context }: CartRead): Promise<void> {
  narrator.step('The application merges them');
  const merged = mergeCarts(carts);
  narrator.say(`The shop's rule: every item of both, the larger quantity of each. That is: ${cartText(merged)}.`);
  await writeCart(othersUrls[1]!, shopper, merged, context);
  const after = await readCart(othersUrls[2]!, shopper);
  narrator.check('written with the context of both, it replaces both: one version is left', after.carts, [merged]);
  narrator.check('nothing that was put into the cart is lost', merged, { book: 2, lamp: 1, pen: 2 });
}

async function nodeReturns({ narrator, cluster, victim, phoneUrl, othersUrls }: Scene): Promise<void> {
  narrator.step(`Node ${victim} returns`);
  await cluster.bringBack(victim);
  narrator.say(
    'It starts over the data that it left behind. Nobody reads a cart now: what follows, the nodes do by themselves.',
  );
  await narrator.checkBecomes('it serves again', settleMs, true, () => isServing(phoneUrl));
  await narrator.checkBecomes('its hints arrive: none is held any more', settleMs, 0, () =>
    hintsOf(othersUrls, victim),
  );
}

async function allReplicasEqual(scene: Scene): Promise<void> {
  const { narrator, victim, phoneUrl, laptopUrl } = scene;
  narrator.step('All replicas are equal');
  const { replicas } = await lookAtReplicas(laptopUrl, shopper);
  for (const { node, digest, error } of replicas) narrator.show(`${node}: ${digest ?? error}`);
  await replicasBecomeEqual(scene, "Alice's cart: three replicas, one digest", [shopper]);
  await replicasBecomeEqual(scene, `the ${otherShoppers.length} other carts: the same`, otherShoppers);
  const { carts } = await readCart(phoneUrl, shopper);
  narrator.check(`${victim} itself, asked by the phone, answers ${cartText(carts[0] ?? {})}`, carts, [
    { book: 2, lamp: 1, pen: 2 },
  ]);
}

/** Compares what the replicas of each cart say that they hold. */
async function replicasBecomeEqual(
  { narrator, laptopUrl }: Scene,
  claim: string,
  shoppers: readonly string[],
): Promise<void> {
  await narrator.checkBecomes(claim, settleMs, [] as string[], async () => {
    const all = await Promise.all(shoppers.map((name) => lookAtReplicas(laptopUrl, name)));
    return all.flatMap(({ replicas }, index) => {
      const digests = new Set(replicas.map(({ digest, error }) => digest ?? error ?? 'nothing'));
      const equal = replicas.length === 3 && digests.size === 1 && replicas.every(({ siblings }) => siblings === 1);
      return equal
        ? []
        : [`${shoppers[index]}: ${replicas.map(({ node, digest, error }) => `${node} ${digest ?? error}`).join(', ')}`];
    });
  });
}

async function hintsOf(urls: readonly string[], target: string): Promise<number> {
  const counts = await Promise.all(urls.map((url) => hintsOwedTo(url, target)));
  return counts.reduce((sum, count) => sum + count, 0);
}
