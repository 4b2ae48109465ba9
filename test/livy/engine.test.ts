import { realpathSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { livyEngine } from '../../src/node/engines/livy/engine.ts'
import { livyRest } from '../../src/node/engines/livy/rest.ts'
import { livySite } from '../../src/node/engines/livy/site.ts'
import type { EngineCapability } from '../../src/node/engines/port.ts'
import { engineContract } from '../engines/contract.ts'
import { memoryStore } from '../engines/livy/store.ts'
import { LIVY_START_MS, startLivy, type TestLivy } from '../kit/livy.ts'

const CAPABILITIES: EngineCapability[] = [
  'sql',
  'python',
  'scala',
  'jar',
  'cancel-running',
  'params',
  'batches',
  'bound-data',
  'queue',
]
/** Tests have their folders below it. */
const DATA_DIR = realpathSync(tmpdir())
let livy: TestLivy
let made = 0

/** Livy ends Spark's jobs; what runs none is ended with its session. */
const ENDLESS = 'SELECT count(*) FROM range(10000000000) a CROSS JOIN range(10000000000) b'

engineContract({
  name: 'livy',
  capabilities: CAPABILITIES,
  timeoutMs: 600_000,
  beforeTimeoutMs: LIVY_START_MS,
  async before(t) {
    livy = await startLivy(t, { dataDirs: [DATA_DIR] })
  },
  async create(t, { limits, maxSessions, queue }) {
    const stagingDir = join(await t.tmpdir(), 'staging')
    await mkdir(stagingDir)
    const site = livySite({ prefix: `contract-${made++}` })({ rest: livyRest({ url: livy.url }), store: memoryStore() })
    await site.start()
    t.cleanup(() => site.stop())
    const languages = ['sql', 'python', 'scala', 'jar'] as const
    return livyEngine({
      limits: { ...limits, statementMs: 300_000 },
      maxSessions,
      queue,
      languages: [...languages],
      stagingDir,
    })({ site })
  },
  code: {
    sql: { endless: ENDLESS, table: "SELECT * FROM VALUES (1, 'a'), (2, 'b') v(n, t)" },
    python: {
      three: 'three = 1 + 2\n%json three',
      endless: `spark.sql("${ENDLESS}").collect()`,
      param: 'p = archipel.params["p"]\n%json p',
      data: 'n = archipel.read("bright_stars").count()\n%json n',
      dataGives: 9096,
      table: 'rows = [{"n": 1, "t": "a"}, {"n": 2, "t": "b"}]\n%table rows',
      gets: 'answer = kept\n%json answer',
    },
  },
})
