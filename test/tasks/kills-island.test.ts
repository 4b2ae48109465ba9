import { once } from 'node:events'
import * as assert from 'uvu/assert'
import { eventually, suite } from '../kit/index.ts'
import { Fleet } from '../network/fleet.ts'
import { END_MS } from './kills.ts'

const test = suite('a program that kills its island')

test(
  'without a sandbox it does so three times at most, and the island says why it gave it up',
  async (t) => {
    const fleet = await Fleet.create(t)
    const island = await fleet.found('alone', { set: ['engine.sandbox=off'] })
    // The daemon is another process each time: found by what it runs.
    const code = `import os, time
time.sleep(2)
for name in filter(str.isdigit, os.listdir("/proc")):
    try:
        words = open("/proc/%s/cmdline" % name).read().split("\\0")
    except OSError:
        continue
    if "up" in words and ${JSON.stringify(island.dataDir)} in words:
        os.kill(int(name), 9)
time.sleep(60)`
    let died = once(island.process!, 'exit')
    const { id } = await island.client().tasks.submit({ kind: 'python', code })
    for (let run = 0; run < 3; run++) {
      await died
      island.process = undefined
      await fleet.up(island)
      died = once(island.process!, 'exit')
    }
    const view = await eventually(
      async () => {
        const now = await island.client().tasks.show(id)
        if (now.state !== 'failed') throw new Error(now.state)
        return now
      },
      { timeoutMs: END_MS, signal: t.signal },
    )
    assert.is(view.error?.code, 'ENGINE_FAILED')
    assert.match(view.error!.message, /the island ended 3 times while it ran this/)
    assert.match(view.error!.hint, /log/)
    assert.is(island.process?.signalCode, null)
  },
  { timeoutMs: 200_000 },
)

test.run()
