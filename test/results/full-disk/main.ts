/** Run in a mount namespace of its own, with the folder given on a file system of 4 MiB: says what the spool did. */
import { readdir, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { ArchipelError } from '../../../src/protocols/model/errors.ts'
import type { ResultMeta } from '../../../src/protocols/model/task.ts'
import { COLUMNS, KEY, rowOf, spoolIn, writeTable } from '../kit.ts'

const dir = process.argv[2]!
const port = spoolIn(dir)
const codeOf = async (work: Promise<unknown>) =>
  await work.then(
    () => 'none',
    (error) => (error instanceof ArchipelError ? error.code : String(error)),
  )
const free = async () => {
  const { bavail, bsize } = await statfs(dir)
  return bavail * bsize
}

const before = await free()
const writer = await port.write(KEY)
await writer.table(COLUMNS)
const rows = await codeOf(
  (async () => {
    for (let i = 0; i < 200; i++) await writer.rows(Array.from({ length: 1000 }, (_, n) => rowOf(i * 1000 + n)))
  })(),
)
const finish = await codeOf(writer.finish(1))
await writer.discard()
const afterDiscard = await free()
const meta = await port.meta(KEY)

const elsewhere: ResultMeta = {
  kind: 'files',
  items: [{ name: 'x', mediaType: 'application/x', bytes: 8 * 1024 * 1024, sha256: '0'.repeat(64) }],
  bytes: 8 * 1024 * 1024,
  elapsedMs: 1,
}
const received = await codeOf(
  port.receive({ ...KEY, attempt: 2 }, elsewhere, {
    inline: [],
    fetch: async function* () {
      for (let i = 0; i < 128; i++) yield new Uint8Array(64 * 1024)
    },
  }),
)
await port.remove({ ...KEY, attempt: 2 })
const small = await codeOf(writeTable(port, 10, { ...KEY, attempt: 3 }))
const left = await readdir(join(dir, KEY.task))
process.stdout.write(
  JSON.stringify({ rows, finish, meta: meta ?? null, given: before - afterDiscard, received, small, left }),
)
