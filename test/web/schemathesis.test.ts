/** The web service of a real island, from its own description: schemathesis makes the requests and reads the answers. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import * as assert from 'uvu/assert'
import { createArchipelago } from '../../src/node/archipelago.ts'
import { devConfig } from '../../src/node/dev.ts'
import { startIsland } from '../../src/node/island.ts'
import { createClient } from '../../src/web/client/node.ts'
import { requires, suite } from '../kit/index.ts'

const test = suite('web: generated from its description')

const STARS = fileURLToPath(new URL('../../examples/data/bright_stars.csv', import.meta.url))
const TOOL = process.env.ARCHIPEL_TEST_SCHEMATHESIS ?? ''
/** Requests made up for each route, beside those at the edges of its schema. */
const EXAMPLES = 20
const RUN_MS = 240_000
const SEED = '20261121'

/** `leave` would end the island, and the stream of events has no end. */
const LEFT_OUT = ['leave', 'events']

/** What is longer than any header may be is refused as such, before it is read. */
const SETTINGS = `
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "406", "413", "422"]
`

interface Ran {
  code: number
  text: string
}

function run(args: string[], dir: string, signal: AbortSignal): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(TOOL, args, { cwd: dir, signal, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
      resolve({ code, text: `${stdout}${stderr}` })
    })
  })
}

test(
  'no request that can be made from the description ends in a fault, or with an answer that is not described',
  async (t) => {
    await requires(
      'schemathesis',
      () => existsSync(TOOL),
      'install it with pip, and name it in ARCHIPEL_TEST_SCHEMATHESIS',
    )
    const dir = await t.tmpdir()
    const failed: unknown[] = []
    const logger = pino({ level: 'error' }, { write: (line: string) => void failed.push(JSON.parse(line) as unknown) })
    const config = devConfig(join(dir, 'island'), 'generated', {
      'web.rate.perSecond': 10_000,
      'web.rate.burst': 10_000,
      'web.rate.failuresPerMinute': 10_000,
      'engine.statementMs': 2_000,
      'network.mdns': false,
    })
    await createArchipelago({ config, name: 'generated' })
    const island = await startIsland({ config, signal: t.signal, logger })
    t.cleanup(() => island.stop())
    const token = (await readFile(join(config.dataDir, 'owner.token'), 'utf8')).trim()
    const client = createClient({ url: island.url!, token })
    t.cleanup(() => client.close())
    await client.publish({ path: STARS })
    await client.sql({ sql: 'SELECT count(*) AS n FROM bright_stars' })
    await writeFile(join(dir, 'openapi.json'), JSON.stringify(await client.openapi()))
    await writeFile(join(dir, 'schemathesis.toml'), SETTINGS)
    const checks = [
      'not_a_server_error',
      'status_code_conformance',
      'content_type_conformance',
      'response_schema_conformance',
      'response_headers_conformance',
      'negative_data_rejection',
      'unsupported_method',
      'allow_header_conformance',
      'ignored_auth',
    ]
    const args = [
      ['run', 'openapi.json', '--url', island.url!, '--header', `Authorization: Bearer ${token}`],
      ['--checks', checks.join(','), '--phases', 'examples,coverage,fuzzing', '--max-examples', String(EXAMPLES)],
      ['--continue-on-failure', '--seed', SEED, '--request-timeout', '30', '--workers', '1', '--no-color'],
      ['--warnings', 'off', '--generation-database', 'none'],
      LEFT_OUT.flatMap((name) => ['--exclude-operation-id', name]),
    ].flat()
    const began = performance.now()
    const { code, text } = await run(args, dir, AbortSignal.any([t.signal, AbortSignal.timeout(RUN_MS)]))
    const seconds = ((performance.now() - began) / 1000).toFixed(0)
    assert.is(code, 0, `after ${seconds} s:\n${text}`)
    const [, generated] = /(\d+) generated/.exec(text) ?? []
    assert.ok(Number(generated) > 1000, text)
    assert.equal(failed, [])
    assert.equal(await client.ready(), { status: 'ready' })
  },
  { timeoutMs: 300_000 },
)

test.run()
