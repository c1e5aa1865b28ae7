/** Where a node's membership listens. */
export function addressOf(node: string): string {
  return `node.${node}.membership`;
}
