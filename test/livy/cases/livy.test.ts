import { join } from 'node:path'
import { suite } from '../../kit/index.ts'
import { LIVY_START_MS, startLivy } from '../../kit/livy.ts'
import { allCases } from './all.ts'
import { type At, createAt } from './at.ts'
import { writeFiles } from './files.ts'

const test = suite('Livy itself does what its clients are told to expect')
let at: At

test.before(
  async (t) => {
    const files = join(await t.tmpdir(), 'files')
    await writeFiles(files)
    const livy = await startLivy(t, { dataDirs: [files] })
    at = createAt({ name: 'livy', url: livy.url, headers: {}, files, drivers: livy.drivers })
  },
  { timeoutMs: LIVY_START_MS },
)

allCases(test, () => at)

test.run()
