/** An island with a real Livy, and one that asks it. */
import type { LivySession } from '../../src/protocols/livy/objects.ts'
import { livyRest } from '../gateway/rest.ts'
import { eventually, type TestContext } from '../kit/index.ts'
import type { TestLivy } from '../kit/livy.ts'
import { Fleet, type FleetIsland } from '../network/fleet.ts'

export interface LivyIslands {
  fleet: Fleet
  /** Has the Livy. */
  site: FleetIsland
  asker: FleetIsland
  /** The asker's endpoint. */
  rest: ReturnType<typeof livyRest>
}

/** The site lets the asker use its Spark. */
export async function livyIslands(
  t: TestContext,
  livy: Pick<TestLivy, 'url'>,
  set: string[] = [],
): Promise<LivyIslands> {
  const fleet = await Fleet.create(t)
  const site = await fleet.found('site', { set: [`livy.url=${livy.url}`, ...set] })
  const asker = await fleet.join('asker', site, { set })
  const { id } = await fleet.status(asker)
  site.options.set!.push(`policy.forwarded.spark=${id}`)
  await fleet.stop(site)
  await fleet.up(site)
  await eventually(async () => (await fleet.status(asker)).peers.connected > 0, { timeoutMs: 30_000, signal: t.signal })
  return { fleet, site, asker, rest: livyRest(asker, t.signal) }
}

/** Settings of a session or batch that runs at the site. */
export const AT_SITE = { 'spark.archipel.island': 'site' }

export async function session({ rest }: LivyIslands, request: object = {}): Promise<LivySession> {
  const made = await rest.ok<LivySession>('POST', '/sessions', { kind: 'pyspark', conf: AT_SITE, ...request })
  return await rest.session(made.id, 'idle', 240_000)
}
