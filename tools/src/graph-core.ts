/**
 * One shortest cycle for every group of nodes that reach each other (strongly connected component), so that a tangle is
 * told once. Nodes and edges are taken in the order given: the same graph gives the same answer.
 * @returns each cycle as its nodes, without the first repeated at the end
 */
export function shortestCycles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const told = new Set<string>();
  const cycles: string[][] = [];
  for (const start of graph.keys()) {
    if (told.has(start)) continue;
    const cycle = cycleThrough(graph, start);
    if (!cycle) continue;
    cycles.push(cycle);
    for (const node of componentOf(graph, start)) told.add(node);
  }
  return cycles;
}

/** Breadth-first from `start` until an edge leads back to it. */
function cycleThrough(graph: ReadonlyMap<string, readonly string[]>, start: string): string[] | undefined {
  const cameFrom = new Map<string, string>();
  const queue = [start];
  for (const node of queue) {
    for (const next of graph.get(node) ?? []) {
      if (next === start) return pathTo(cameFrom, start, node);
      if (cameFrom.has(next)) continue;
      cameFrom.set(next, node);
      queue.push(next);
    }
  }
  return undefined;
}

function pathTo(cameFrom: ReadonlyMap<string, string>, start: string, end: string): string[] {
  const path = [end];
  for (let node = end; node !== start; ) {
    node = cameFrom.get(node) ?? start;
    path.unshift(node);
  }
  return path;
}

function componentOf(graph: ReadonlyMap<string, readonly string[]>, start: string): Set<string> {
  const forward = reachable(graph, start);
  const reversed = new Map<string, string[]>();
  for (const [node, targets] of graph) {
    for (const target of targets) reversed.set(target, [...(reversed.get(target) ?? []), node]);
  }
  const backward = reachable(reversed, start);
  return new Set([...forward].filter((node) => backward.has(node)));
}

function reachable(graph: ReadonlyMap<string, readonly string[]>, start: string): Set<string> {
  const seen = new Set([start]);
  for (const node of seen) for (const next of graph.get(node) ?? []) seen.add(next);
  return seen;
}
