import { execFileSync } from 'node:child_process'
import * as assert from 'uvu/assert'
import { eventually, suite } from '../kit/index.ts'
import { archipelago, END_MS, insist, LEASE_MS, LONG_WORK } from './kills.ts'

const test = suite('tasks and kill -9')

test(
  'the process that runs the statement killed: one outcome, and the next statement is answered',
  async (t) => {
    const world = await archipelago(t)
    const { asker, holder, other } = world
    const before = new Set(childrenOf(holder.process!.pid!))
    const { id } = await asker.client().tasks.submit({ kind: 'sql', code: LONG_WORK, leaseMs: LEASE_MS })
    await insist(t, async () => (await asker.client().tasks.show(id)).state === 'running')
    const worker = await eventually(
      () => {
        const busy = childrenOf(holder.process!.pid!).filter((pid) => !before.has(pid) || cpuOf(pid) > 50)
        if (busy.length === 0) throw new Error('no child works')
        return busy
      },
      { signal: t.signal },
    )
    for (const pid of worker) killNow(pid)
    const view = await eventually(
      async () => {
        const now = await asker.client().tasks.show(id)
        if (!['succeeded', 'failed', 'cancelled'].includes(now.state)) throw new Error(now.state)
        return now
      },
      { timeoutMs: END_MS, signal: t.signal },
    )
    assert.equal([view.state, view.error?.code], ['failed', 'ENGINE_FAILED'])
    assert.match(view.error!.message, /ended by SIGKILL/)
    for (const island of [holder, other]) {
      const there = await island.client().tasks.show(id)
      assert.equal([there.state, there.error?.code], [view.state, view.error?.code])
    }
    const next = await asker.client().sql({ sql: 'SELECT count(*) AS n FROM bright_stars' })
    assert.is(Number(next.result.rows[0]![0]), 9096)
  },
  { timeoutMs: 300_000 },
)

/** All processes below it. */
function childrenOf(pid: number): number[] {
  const lines = execFileSync('ps', ['-e', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n')
  const pairs = lines.map((line) => line.trim().split(/\s+/).map(Number))
  const below = (parent: number): number[] =>
    pairs.filter(([, p]) => p === parent).flatMap(([child]) => [child!, ...below(child!)])
  return below(pid)
}

/** Percent of a processor since its start. */
function cpuOf(pid: number): number {
  try {
    return Number(execFileSync('ps', ['-o', 'pcpu=', '-p', String(pid)], { encoding: 'utf8' }).trim())
  } catch {
    return 0
  }
}

function killNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Gone with its parent.
  }
}

test.run()
