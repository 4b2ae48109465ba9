/** Sessions of Spark that are kept started, and for whom. */
import * as assert from 'uvu/assert'
import { livyEngine } from '../../../src/node/engines/livy/engine.ts'
import { proxyUserOf } from '../../../src/node/engines/livy/requests.ts'
import type { LivyMark, RealLivySite } from '../../../src/node/engines/livy/site.ts'
import type { SiteChange } from '../../../src/node/gateway/site.ts'
import { eventually, suite } from '../../kit/index.ts'

const test = suite('engine livy: spare sessions')
const LIMITS = { memoryBytes: 0, cpuMs: 0, threads: 0, statementMs: 1000, resultRows: 10, resultBytes: 1000 }

/** Sessions are up at once; who they were made for is kept. */
function siteOf(proxyUsers: Record<string, string>) {
  const made: (string | undefined)[] = []
  const site: Partial<RealLivySite> = {
    version: async () => ({ version: '0.9.0' }) as never,
    kept: () => [],
    runsAs: (user) => proxyUserOf(undefined, user, proxyUsers),
    createSession: async (_request, { user }: LivyMark) => ({ id: made.push(user) - 1 }) as never,
    async bind() {},
    async deleteSession() {},
    watch(_what, onChange) {
      queueMicrotask(() => onChange({ type: 'session', session: { state: 'idle' } } as SiteChange))
      return () => {}
    },
  }
  return { site: site as RealLivySite, made }
}

test('one is taken by who runs as everybody does, never by who runs as a user of their own', async (t) => {
  const { site, made } = siteOf({ ana: 'ana_unix', '*': 'nobody' })
  const init = { limits: LIMITS, maxSessions: 9, queue: 0, languages: ['python' as const], stagingDir: '/', spares: 1 }
  const engine = livyEngine(init)({ site })
  t.cleanup(() => engine.stop())
  await engine.start()
  const open = (user: string) => engine.createSession({ kind: 'python', datasets: [], user })
  await (await open('bob')).close()
  await eventually(() => made.length === 2)
  assert.equal(made, ['bob', undefined], 'a spare one is made after the first')
  await open('ana')
  assert.equal(made, ['bob', undefined, 'ana'])
  await open('eve')
  assert.is(made.length, 3, 'the spare one')
})

test.run()
