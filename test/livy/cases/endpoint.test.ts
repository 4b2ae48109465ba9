import { join } from 'node:path'
import { suite } from '../../kit/index.ts'
import { LIVY_START_MS, startLivy } from '../../kit/livy.ts'
import { islandWithLivy } from '../islands.ts'
import { allCases } from './all.ts'
import { type At, createAt } from './at.ts'
import { writeFiles } from './files.ts'

const test = suite('the endpoint of an island does what Livy does')
let at: At

test.before(
  async (t) => {
    const files = join(await t.tmpdir(), 'files')
    await writeFiles(files)
    const livy = await startLivy(t, { dataDirs: [files] })
    const island = await islandWithLivy(t, livy.url)
    const headers = { authorization: `Bearer ${island.token}` }
    at = createAt({ name: 'endpoint', url: island.livyUrl, headers, files, drivers: livy.drivers })
  },
  { timeoutMs: LIVY_START_MS },
)

allCases(test, () => at)

test.run()
