import { constants, PerformanceObserver } from 'node:perf_hooks'
import * as assert from 'uvu/assert'
import { LOOK_EVERY_BYTES, youngBuffers } from '../../src/node/network/young.ts'
import { eventually, suite } from '../kit/index.ts'

const test = suite('buffers of the network are given back while they are young')

test('after so many bytes young objects are looked at, and nobody else can ask for it', async (t) => {
  const forced: number[] = []
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { kind, flags } = (entry as unknown as { detail: { kind: number; flags: number } }).detail
      if (flags & constants.NODE_PERFORMANCE_GC_FLAGS_FORCED) forced.push(kind)
    }
  })
  observer.observe({ entryTypes: ['gc'] })
  t.cleanup(() => observer.disconnect())
  const passed = youngBuffers()
  passed(LOOK_EVERY_BYTES - 1)
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(forced, [])
  passed(1)
  await eventually(() => forced.length > 0, { signal: t.signal })
  assert.equal(forced, [constants.NODE_PERFORMANCE_GC_MINOR])
  assert.is((globalThis as { gc?: unknown }).gc, undefined)
})

test.run()
