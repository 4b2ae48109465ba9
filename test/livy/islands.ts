/** Islands in this process, in front of a real Livy. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import { createArchipelago, joinArchipelago } from '../../src/node/archipelago.ts'
import { devConfig } from '../../src/node/dev.ts'
import { pathIn } from '../../src/node/identity/data-dir.ts'
import { type StartedIsland, startIsland } from '../../src/node/island.ts'
import type { TestContext } from '../kit/index.ts'

const logger = pino({ level: process.env.ARCHIPEL_TEST_LOG ?? 'silent' })
const TICKET_MS = 600_000

export interface LivyIsland extends StartedIsland {
  /** Its Livy endpoint. */
  livyUrl: string
  /** That of its owner. */
  token: string
}

/** One island with this Livy. */
export async function islandWithLivy(t: TestContext, url: string): Promise<LivyIsland> {
  const config = devConfig(join(await t.tmpdir(), 'delos'), 'delos', { 'livy.url': url })
  await createArchipelago({ config, name: 'one' })
  return started(t, config)
}

/** `asker` has no Spark; `holder` has this Livy, and its site allows the asker to use it. */
export async function islandsWithLivy(t: TestContext, url: string) {
  const folder = await t.tmpdir()
  const ask = devConfig(join(folder, 'asker'), 'asker')
  await createArchipelago({ config: ask, name: 'two' })
  const asker = await started(t, ask)
  const hold = devConfig(join(folder, 'holder'), 'holder', {
    'livy.url': url,
    'policy.forwarded.spark': [asker.id],
  })
  const { ticket } = await asker.port.invite({ local: true, expiresMs: TICKET_MS })
  await joinArchipelago({ config: hold, ticket, signal: t.signal, logger })
  return { asker, holder: await started(t, hold) }
}

async function started(t: TestContext, config: ReturnType<typeof devConfig>): Promise<LivyIsland> {
  const island = await startIsland({ config, signal: t.signal, logger: logger.child({ at: config.name }) })
  t.cleanup(() => island.stop())
  const token = (await readFile(pathIn(config.dataDir, 'token'), 'utf8')).trim()
  return Object.assign(island, { livyUrl: `${island.url}/livy`, token })
}
