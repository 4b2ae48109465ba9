/** Writes results for ever, naming each that is finished, until it is killed. */
import { COLUMNS, KEY, rowOf, spoolIn } from '../kit.ts'

const port = spoolIn(process.argv[2]!)
await port.start(() => true)
for (let attempt = 1; ; attempt++) {
  const writer = await port.write({ ...KEY, attempt })
  const rows = attempt % 3 === 0 ? 20_000 : 10
  await writer.table(COLUMNS)
  for (let at = 0; at < rows; at += 1000)
    await writer.rows(Array.from({ length: Math.min(1000, rows) }, (_, i) => rowOf(at + i)))
  writer.log(`attempt ${attempt}\n`)
  if (attempt % 2 === 0) await writer.item('figure-1.png', 'image/png', Buffer.alloc(100_000, attempt))
  await writer.finish(1)
  process.stdout.write(`${attempt}\n`)
}
