/** The commands of the documentation that need a Spark: see test/docs. */
import { realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { replay } from '../docs/replay.ts'
import { suite } from '../kit/index.ts'
import { LIVY_START_MS, startLivy, type TestLivy } from '../kit/livy.ts'

const test = suite('commands in the documentation that need a Spark')
let livy: TestLivy

test.before(
  async (t) => {
    livy = await startLivy(t, { dataDirs: [realpathSync(tmpdir())] })
  },
  { timeoutMs: LIVY_START_MS },
)

test(
  'work of every kind goes to Spark as the page about Livy shows it',
  (t) => replay(t, 'docs/livy.md', { livy: livy.url }),
  { timeoutMs: 600_000 },
)

test.run()
