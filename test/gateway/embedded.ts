/** A built-in engine as a Livy for tests, and what one asks of it. */
import * as assert from 'uvu/assert'
import { embeddedEngine } from '../../src/node/engines/embedded/embedded.ts'
import type { BoundDataset, EngineLimits } from '../../src/node/engines/port.ts'
import { embeddedSite } from '../../src/node/gateway/embedded-site.ts'
import type { LivySite, SiteChange } from '../../src/node/gateway/site.ts'
import { places } from '../../src/node/sessions/places.ts'
import type {
  LivyCodeKind,
  LivyKind,
  LivyOutput,
  LivySessionRequest,
  LivyStatement,
} from '../../src/protocols/livy/objects.ts'
import { LivyRefusal } from '../../src/protocols/livy/refusal.ts'
import type { TestContext } from '../kit/index.ts'

const LIMITS: EngineLimits = {
  memoryBytes: 768 * 1024 ** 2,
  statementMs: 25_000,
  cpuMs: 60_000,
  resultRows: 200_000,
  resultBytes: 64 * 1024 ** 2,
  threads: 2,
}

interface Wanted {
  python?: string
  r?: string
  limits?: Partial<EngineLimits>
  queue?: number
  places?: number
  idleMs?: number
  retainMs?: number
}

export async function started(t: TestContext, init: Wanted = {}) {
  const { limits, queue = 0, places: most = 3, idleMs = 600_000, retainMs, ...languages } = init
  const engine = embeddedEngine({
    limits: { ...LIMITS, ...limits },
    maxSessions: 4,
    queue,
    sandbox: 'auto',
    scratchDir: await t.tmpdir(),
    spares: 0,
    ...languages,
  })()
  t.cleanup(() => engine.stop())
  await engine.start()
  const site = embeddedSite({ version: '1', idleMs, ...(retainMs === undefined ? {} : { retainMs }) })({
    engine,
    places: places(most),
  })
  t.cleanup(() => site.stop())
  return { engine, site }
}

/** Resolves with the first change that fits. */
export function until(site: LivySite, session: number, fits: (change: SiteChange) => boolean): Promise<SiteChange> {
  const { promise, resolve } = Promise.withResolvers<SiteChange>()
  const stop = site.watch({ session }, (change) => fits(change) && resolve(change))
  return promise.finally(stop)
}

export const reached = (site: LivySite, session: number, state: string) =>
  until(site, session, (change) => change.type === 'session' && change.session.state === state)

let marks = 0

export async function created(
  site: LivySite,
  request: LivySessionRequest,
  datasets: BoundDataset[] = [],
): Promise<number> {
  return (await site.createSession(request, { mark: `mark-${marks++}`, datasets, forwarded: false })).id
}

export async function opened(
  site: LivySite,
  kind: LivyKind,
  datasets: BoundDataset[] = [],
  conf = {},
): Promise<number> {
  const id = await created(site, { kind, conf }, datasets)
  await reached(site, id, 'idle')
  return id
}

/** Submits, and waits for the end. */
export async function ran(site: LivySite, session: number, code: string, kind?: LivyCodeKind): Promise<LivyStatement> {
  const next = ((await site.statements(session)).at(-1)?.id ?? -1) + 1
  const done = until(
    site,
    session,
    ({ ...change }) =>
      change.type === 'statement' && change.statement.id === next && /available|cancelled/.test(change.statement.state),
  )
  await site.submit(session, kind === undefined ? { code } : { code, kind }, next)
  await done
  return await site.statement(session, next)
}

export const data = ({ output }: LivyStatement) => (output as LivyOutput & { status: 'ok' }).data
export const refusal = async (work: Promise<unknown>) => {
  try {
    await work
  } catch (error) {
    assert.instance(error, LivyRefusal)
    return error as LivyRefusal
  }
  throw new Error('was not refused')
}
