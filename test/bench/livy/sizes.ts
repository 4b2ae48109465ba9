/** What is more than one small statement: starts, batches, long logs, large results, many requests. */
import { writeFile } from 'node:fs/promises'
import { availableParallelism, freemem } from 'node:os'
import { join } from 'node:path'
import { type BenchContext, type Figure, median, timed } from '../bench.ts'
import { until } from '../daemon.ts'
import { load } from '../web/load.ts'
import { type OpenSession, openSession, type Place, ROWS, reaches, run } from './place.ts'
import { beside, each, inTurns, type Places, type Sides } from './sides.ts'

export const LOG_LINES = 10_000
const CONNECTIONS = 8
const AT_ONCE = 8
/** Memory of a session, with room for what else there is. */
const SESSION_BYTES = 900 * 1024 ** 2

/** From the request of a batch to its answer, and to its end. */
export async function batches({ scale, say }: BenchContext, places: Places, files: string): Promise<Figure[]> {
  say('batches')
  const file = join(files, 'nothing.py')
  await writeFile(file, 'print("nothing")\n')
  const whole: Sides<number[]> = { direct: [], island: [] }
  const submit = async (side: keyof Places) => {
    const at = places[side]
    const started = performance.now()
    const { id } = await at.ask('POST', '/batches', { file: `file:${file}`, conf: at.conf })
    const ms = performance.now() - started
    await reaches(at, `/batches/${id}`, 'success')
    whole[side].push(performance.now() - started)
    await at.ask('DELETE', `/batches/${id}`)
    return ms
  }
  const submitted = await inTurns(scale.quick ? 1 : 5, {
    direct: () => submit('direct'),
    island: () => submit('island'),
  })
  return [beside('a batch is taken', submitted), beside('a batch that does nothing, to its end', whole)]
}

export async function longLog(context: BenchContext, sessions: Sides<OpenSession>): Promise<Figure> {
  const { scale, say } = context
  say(`a log of ${LOG_LINES} lines`)
  const lines = `"\\n".join("line %05d of a log that is long" % i for i in range(${LOG_LINES}))`
  const path = ({ id }: OpenSession) => `/sessions/${id}/log?from=0&size=${LOG_LINES}`
  const read = async (session: OpenSession) => (await session.at.ask('GET', path(session))).log.length
  for (const session of Object.values(sessions)) {
    await run(session, `sc._jvm.java.lang.System.err.println(${lines})`)
    await until('the log is long', context, async () => (await read(session)) >= LOG_LINES)
  }
  const times = await inTurns(scale.quick ? 2 : scale.runs, {
    direct: () => timed(() => read(sessions.direct)),
    island: () => timed(() => read(sessions.island)),
  })
  return beside(`a log of ${LOG_LINES} lines`, times)
}

export async function largeResult({ scale, say }: BenchContext, sessions: Sides<OpenSession>): Promise<Figure> {
  say(`results of ${ROWS} rows`)
  const sql = `SELECT id, id * 3 AS ra, concat('star ', id) AS name FROM range(${ROWS})`
  await each(sessions, (session) => run(session, sql, 'sql'))
  const times = await inTurns(scale.quick ? 1 : 10, {
    direct: () => run(sessions.direct, sql, 'sql'),
    island: () => run(sessions.island, sql, 'sql'),
  })
  return beside(`a result of ${ROWS} rows`, times)
}

/** Looks at an idle session, as many as the place answers. */
export async function manyRequests({ scale, say }: BenchContext, sessions: Sides<OpenSession>): Promise<Figure> {
  say('looks at an idle session')
  const rates: Sides<number[]> = { direct: [], island: [] }
  const look = async ({ at, id }: OpenSession) => {
    const { origin, pathname } = new URL(at.url)
    const path = `${pathname.replace(/\/$/, '')}/sessions/${id}`
    const options = { connections: CONNECTIONS, seconds: scale.quick ? 0.5 : 5, headers: at.headers }
    return (await load(origin, [path], options)).perSecond
  }
  for (let round = 0; round < 2; round++)
    for (const side of ['island', 'direct'] as const) rates[side].push(await look(sessions[side]))
  const value = median(rates.direct)
  return {
    what: `looks at an idle session, ${CONNECTIONS} connections`,
    value: median(rates.island),
    unit: 'requests/s',
    baseline: { what: 'Livy itself', value, unit: 'requests/s', ratio: median(rates.island) / value },
  }
}

/** Sessions that are started at once, until all are idle; as many as fit into the memory, at most eight. */
export async function manySessions(context: BenchContext, places: Places): Promise<Figure> {
  const room = Math.floor(freemem() / SESSION_BYTES)
  const count = context.scale.quick ? 2 : Math.max(2, Math.min(AT_ONCE, room))
  context.say(`${count} sessions at once, on ${availableParallelism()} cores`)
  const start = (at: Place) => async () => {
    let open: OpenSession[] = []
    const ms = await timed(async () => {
      open = await Promise.all(Array.from({ length: count }, () => openSession(context, at)))
    })
    for (const session of open) await session.delete()
    return ms
  }
  const times = await inTurns(1, { direct: start(places.direct), island: start(places.island) })
  return beside(`${count} sessions at once, all idle`, times)
}
