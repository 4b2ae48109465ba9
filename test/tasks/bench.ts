import type { Work } from '../../src/protocols/model/task.ts'
import type { AttemptEvent, AttemptRequest } from '../../src/protocols/task/messages.ts'
import { islandName, type SimIsland } from '../sim/tasks/island.ts'
import { TaskSim } from '../sim/tasks/world.ts'

/** The asking island is played by the test; the provider is real. */
export const ASKER = islandName(25)
export const TASK = `task-${ASKER}-abcdefgh01`

export function workOf(code: string, more: Partial<Work> = {}): Work {
  return { task: TASK, user: 'ada', kind: 'sql', code, datasets: [], params: {}, ...more }
}

export function submitOf(code: string, more: Partial<Extract<AttemptRequest, { op: 'submit' }>> = {}): AttemptRequest {
  return {
    op: 'submit',
    attempt: 1,
    work: workOf(code),
    leaseMs: 8_000,
    inlineBytes: 10_000,
    atMostOnce: false,
    ...more,
  }
}

export class Bench {
  readonly sim = new TaskSim(11)
  provider!: SimIsland

  static async with(init: Parameters<TaskSim['add']>[0] = {}): Promise<Bench> {
    const bench = new Bench()
    bench.provider = await bench.sim.add(init)
    return bench
  }

  get handlers() {
    return this.provider.tasks!.handlers
  }

  /** Follows an attempt until it ends, or until an event is what `enough` says. */
  async follow(request: AttemptRequest, enough: (e: AttemptEvent) => boolean = () => false, from = ASKER) {
    const stop = new AbortController()
    const events: AttemptEvent[] = []
    const reading = (async () => {
      for await (const event of this.handlers.attempt(request, from, { signal: stop.signal })) {
        events.push(event)
        if (event.type === 'done' || enough(event)) return events
      }
      return events
    })()
    return await this.sim.act(reading)
  }

  control(op: 'cancel' | 'acknowledge' | 'drop', attempt = 1, from = ASKER) {
    return this.sim.act(this.handlers.control({ op, task: TASK, attempt }, from))
  }

  async read(item: string, attempt: number | undefined = 1, from = ASKER) {
    const reading = (async () => {
      const parts: Uint8Array[] = []
      const request = { task: TASK, ...(attempt === undefined ? {} : { attempt }), item, offset: 0, limit: 1_000_000 }
      for await (const { bytes } of this.handlers.read(request, from, { signal: new AbortController().signal }))
        parts.push(bytes)
      return Buffer.concat(parts).toString()
    })()
    return await this.sim.act(reading)
  }

  get begun(): number {
    return this.sim.world.ledger.begun.length
  }

  async restart(): Promise<void> {
    this.provider.crash()
    await this.sim.act(this.provider.start())
  }
}

export const running = (e: AttemptEvent) => e.type === 'state' && e.state === 'running'
export const accepted = (e: AttemptEvent) => e.type === 'accepted'
