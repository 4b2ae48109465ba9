/**
 * The cycles of a directed graph: one shortest cycle for each group of nodes that reach each other, beginning with
 * the group's first node by name. Targets that are no nodes of the graph are ignored.
 */
export function cycles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const found: string[][] = []
  const covered = new Set<string>()
  for (const start of [...graph.keys()].sort()) {
    if (covered.has(start)) continue
    const cycle = shortestCycle(graph, start)
    if (cycle === undefined) continue
    found.push(cycle)
    // The whole group is reported by one cycle; what remains shows once that one is cut.
    const forward = reach(graph, start)
    for (const node of forward) if (reach(graph, node).has(start)) covered.add(node)
  }
  return found
}

function shortestCycle(graph: ReadonlyMap<string, readonly string[]>, start: string): string[] | undefined {
  const cameFrom = new Map<string, string>()
  const queue = [start]
  for (const node of queue) {
    for (const next of graph.get(node) ?? []) {
      if (next === start) {
        const path = [node]
        for (let step = cameFrom.get(node); step !== undefined; step = cameFrom.get(step)) path.unshift(step)
        return path
      }
      if (cameFrom.has(next) || !graph.has(next)) continue
      cameFrom.set(next, node)
      queue.push(next)
    }
  }
  return undefined
}

function reach(graph: ReadonlyMap<string, readonly string[]>, start: string): Set<string> {
  const seen = new Set([start])
  for (const node of seen) for (const next of graph.get(node) ?? []) if (graph.has(next)) seen.add(next)
  return seen
}
