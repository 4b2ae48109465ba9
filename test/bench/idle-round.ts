import { type Benchmark, median, spread, timed } from './bench.ts'
import { twoIslands } from './two-islands.ts'

const TARGET_BYTES = 1000

/** What one comparison costs when there is nothing to say: one question, one answer, on an open connection. */
export const idleRound: Benchmark = {
  name: 'idle-round',
  about: 'bytes on the wire of a comparison of two equal catalogs',
  async run(context) {
    const { asker, line, large } = await twoIslands(context)
    const rounds = Math.min(20, context.scale.runs)
    const bytes: number[] = []
    const times: number[] = []
    for (let i = 0; i < rounds; i++) {
      bytes.push(
        await line.bytesOf(async () => {
          times.push(
            await timed(async () => {
              const report = await asker.catalog.syncWith(line.remote)
              if (!report.same) throw new Error('the catalogs are not equal')
            }),
          )
        }),
      )
    }
    const what = `an idle round, ${large.records} records of ${large.origins.length} islands`
    return [
      { what: `${what}, bytes both ways`, value: median(bytes), unit: 'bytes', target: { below: TARGET_BYTES } },
      { what: `${what}, most bytes`, value: Math.max(...bytes), unit: 'bytes' },
      ...spread('its time', times),
    ]
  },
}
