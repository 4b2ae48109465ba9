import { FINAL_STATES } from '../../../src/protocols/model/task-states.ts'
import type { TaskView } from '../../../src/protocols/model/views.ts'
import type { TaskChaos } from './chaos.ts'
import type { TaskSim } from './world.ts'

/** Whether every acknowledged task has ended at its owner, and nobody has anything left to say or to run. */
export async function allQuiet(sim: TaskSim, chaos: TaskChaos): Promise<boolean> {
  if (!sim.islands.every((i) => i.isUp)) return false
  for (const { id, island } of chaos.acknowledged) {
    const view = await sim.act(island.tasks!.show(id))
    if (!FINAL_STATES.has(view.state)) return false
  }
  return sim.islands.every(
    (i) => i.store.keys('u/').length + i.store.keys('v/').length + i.store.keys('e/').length === 0,
  )
}

/** What is wrong in the end; empty when all is well. */
export async function taskProblems(sim: TaskSim, chaos: TaskChaos): Promise<string[]> {
  const found: string[] = []
  const keyed = new Map<string, string>()
  for (const task of chaos.acknowledged) {
    const { id, island, label } = task
    const views = await Promise.all(sim.islands.map((i) => sim.act(i.tasks!.show(id)).catch((e: Error) => e)))
    const texts = new Set(views.map((v) => (v instanceof Error ? `error ${v.message}` : outcome(v))))
    if (texts.size > 1) found.push(`${label} has ended in ${texts.size} ways: ${[...texts].join(' | ')}`)
    const own = views[sim.islands.indexOf(island)]
    if (own === undefined || own instanceof Error) {
      found.push(`${label} was acknowledged and is lost`)
      continue
    }
    chaos.hear(own)
    if (!FINAL_STATES.has(own.state)) found.push(`${label} is ${own.state} in the end`)
    if (task.cancelled && own.state !== 'cancelled' && own.published === undefined)
      found.push(`${label} was cancelled and is ${own.state}`)
    const told = chaos.told.get(id) ?? new Map<string, string>()
    if (told.size > 1)
      found.push(`${label} was told in ${told.size} ways: ${[...told].map((t) => t.join(' by ')).join(' | ')}`)
    if (task.key !== undefined) {
      const key = `${island.id} ${task.key}`
      if (keyed.has(key) && keyed.get(key) !== id) found.push(`${label} is two tasks of one key`)
      keyed.set(key, id)
    }
    const begun = sim.world.ledger.begun.filter((b) => b.task === label)
    if (task.atMostOnce && begun.length > 1) found.push(`${label} began ${begun.length} times`)
    if (own.state === 'succeeded') found.push(...(await resultProblems(sim, own, label)))
  }
  for (const island of sim.islands) {
    for (const prefix of ['u/', 'v/', 'e/'])
      for (const key of island.store.keys(prefix)) found.push(`${island.id.slice(0, 4)} still has ${key}`)
    for (const key of island.spool.keys())
      if (!key.startsWith(`task-${island.id}`) && !key.endsWith('/900000000'))
        found.push(`${island.id.slice(0, 4)} still has the result ${key}`)
  }
  return found
}

/** The result is of one run, the one of the attempt that counts, and the same everywhere. */
async function resultProblems(sim: TaskSim, view: TaskView, label: string): Promise<string[]> {
  const found: string[] = []
  const pages = await Promise.all(
    sim.islands.map((i) => sim.act(i.tasks!.rows(view.id, { from: 0, limit: 1000 })).catch((e: Error) => e)),
  )
  const texts = new Set(pages.map((p) => (p instanceof Error ? `error ${p.message}` : JSON.stringify(p.rows))))
  if (texts.size > 1) found.push(`${label} has ${texts.size} results: ${[...texts].join(' | ').slice(0, 300)}`)
  const [page] = pages
  if (page === undefined || page instanceof Error) return found
  if (page.rows.length !== view.result?.table?.rowCount) found.push(`${label} has ${page.rows.length} rows`)
  const runs = new Set(page.rows.map((row) => row[1]))
  if (runs.size > 1) found.push(`${label} has rows of ${runs.size} runs`)
  for (const row of page.rows.slice(0, 1)) {
    const ended = sim.world.ledger.ended.find((e) => e.run === row[1])
    if (ended === undefined || ended.task !== label) found.push(`${label} has the result of another task`)
    else if (ended.island !== view.ranAt?.island) found.push(`${label} has the result of another island`)
  }
  return found
}

function outcome(view: TaskView): string {
  return `${view.state} ${view.error?.code ?? ''} ${view.ranAt?.island.slice(0, 4) ?? ''} ${view.published?.version ?? ''} ${view.logBytes}`
}
