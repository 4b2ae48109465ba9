import { mkdir, mkdtemp, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LivyFault } from '../../docker/livy/fault.ts'
import { pathIn } from '../../src/node/identity/data-dir.ts'
import { startLivy, type TestLivy } from '../kit/livy.ts'
import type { BenchContext, Benchmark, Figure } from './bench.ts'
import { type RunningIsland, startIslands } from './islands.ts'
import { type OpenSession, openSession, place } from './livy/place.ts'
import { clientsPolling, tightPolling } from './livy/polling.ts'
import { beside, each, type Places, type Sides } from './livy/sides.ts'
import { batches, LOG_LINES, largeResult, longLog, manyRequests, manySessions } from './livy/sizes.ts'

/** Sessions and batches at a time. */
const SESSIONS = 32

/**
 * A Livy asked itself, and through an island without Spark, which forwards to the island that the Livy belongs to. Every figure is
 * beside that of Livy in the same run. Without a Livy it says how to get one, and has no figures.
 */
export const livyBench: Benchmark = {
  name: 'livy',
  about:
    'sessions, statements, batches of a real Livy: through an island without Spark, and at Livy itself; two daemons',
  async run(context) {
    const { dir, scale } = context
    const tmpdir = () => mkdtemp(join(dir, 'client-'))
    const files = join(dir, 'files')
    await mkdir(files)
    const livy = await livyOf(context, files, tmpdir)
    if (livy === undefined) return []
    const { places, pids } = await islandsBefore(context, livy)
    context.say('sessions')
    const sessions: Sides<OpenSession> = await each(places, (at) => openSession(context, at))
    const started = { direct: [sessions.direct.startMs], island: [sessions.island.startMs] }
    for (let i = 0; i < (scale.quick ? 0 : 4); i++)
      for (const side of i % 2 === 0 ? (['island', 'direct'] as const) : (['direct', 'island'] as const)) {
        const more = await openSession(context, places[side])
        started[side].push(more.startMs)
        await more.delete()
      }
    const figures: Figure[] = [
      ...(await tightPolling(context, sessions, pids)),
      ...(await clientsPolling(context, places, sessions, tmpdir)),
      beside('a session is idle', started),
      ...(await batches(context, places, files)),
      await longLog(context, sessions),
      await largeResult(context, sessions),
      await manyRequests(context, sessions),
    ]
    await sessions.direct.delete()
    await sessions.island.delete()
    figures.push(await manySessions(context, places))
    if (scale.quick) for (const figure of figures) delete figure.target
    return figures
  },
}

async function livyOf(
  { signal, cleanup, say }: BenchContext,
  files: string,
  tmpdir: () => Promise<string>,
): Promise<TestLivy | undefined> {
  try {
    const livy = { 'livy.cache-log.size': String(LOG_LINES) }
    return await startLivy({ signal, cleanup, tmpdir }, { dataDirs: [files], livy })
  } catch (error) {
    if (!(error instanceof LivyFault)) throw error
    say(`skipped, there is no Livy: ${error.message}`)
    return undefined
  }
}

/** The first has no Spark and is asked; the second has the Livy, and lets the first use it. */
async function islandsBefore(context: BenchContext, livy: TestLivy): Promise<{ places: Places; pids: number[] }> {
  const islands = await startIslands(context, 2, (i, ids) => {
    const limit = `web.livy.perIsland=${SESSIONS}`
    return i === 0
      ? []
      : [`livy.url=${livy.url}`, `livy.sessions=${SESSIONS}`, limit, `policy.forwarded.spark=${ids[0]}`]
  })
  const [asked, spark] = islands as [RunningIsland, RunningIsland]
  const password = (await readFile(pathIn(asked.dataDir, 'token'), 'utf8')).trim()
  const { url } = JSON.parse(await readFile(pathIn(asked.dataDir, 'daemon'), 'utf8')) as { url: string }
  const conf = { 'spark.archipel.island': spark.id }
  const login = { user: 'bench', password }
  const direct = place(context, { url: livy.url, conf: {} })
  const island = place(context, { url: `${url.replace(/\/$/, '')}/livy`, login, conf })
  return { places: { direct, island }, pids: islands.map(({ pid }) => pid) }
}
