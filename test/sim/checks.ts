import { contents, type LogContents } from './oracle.ts'
import type { SimWorld } from './world.ts'

/** What is wrong with the world as it stands; empty when all honest islands agree and nothing is lost. */
export async function problems(sim: SimWorld): Promise<string[]> {
  const found: string[] = []
  const { honest } = sim
  const all = new Map<string, Map<string, LogContents>>()
  for (const island of honest) all.set(island.id, await contents(island.store))
  for (const origin of honest) {
    const own = all.get(origin.id)!.get(origin.id)
    for (const island of honest) {
      const seen = all.get(island.id)!.get(origin.id)
      if (seen?.problem !== undefined) found.push(`${short(island.id)}: ${seen.problem}`)
      if (own === undefined ? seen !== undefined : seen === undefined || !own.live.equals(seen.live)) {
        found.push(
          `${short(island.id)} has other records of ${short(origin.id)} (${seen?.count} instead of ${own?.count})`,
        )
      }
    }
    found.push(...(await sim.oracle.missing(origin.id, origin.store)))
  }
  for (const island of honest) {
    const cat = island.catalog
    if (cat === undefined) {
      found.push(`${short(island.id)} is not up`)
      continue
    }
    const membership = cat.membership()
    for (const origin of honest) {
      if (membership.quarantined.has(origin.id))
        found.push(`${short(origin.id)} is in quarantine at ${short(island.id)}`)
      if (!membership.members.has(origin.id)) found.push(`${short(origin.id)} is no member at ${short(island.id)}`)
    }
    for (const gone of sim.revoked) {
      if (all.get(island.id)!.has(gone.id)) found.push(`${short(island.id)} still has the log of ${short(gone.id)}`)
    }
    if (island.revoked) found.push(`${short(island.id)} takes itself for revoked`)
    const { bad } = { bad: cat.status().quarantined.filter((q) => honest.some((i) => i.id === q.origin)) }
    for (const q of bad) found.push(`${short(q.origin)} at ${short(island.id)}: ${q.reason}`)
  }
  return found
}

export function short(id: string): string {
  return id.slice(0, 8)
}
