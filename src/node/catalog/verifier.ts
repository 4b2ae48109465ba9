import { decodeRecord } from '../../protocols/record/envelope.ts'
import type { Checks } from './checks.ts'
import type { Context } from './context.ts'
import type { LogTable } from './table.ts'

/** Why a log is bad whose head was right. */
export const UNSIGNED = 'it contains a record that its origin did not sign'

/**
 * Checks the signatures of logs that came whole and large. Their set is proven by the head's one signature, so they may
 * be read at once; they are not served to others before each record was checked, too.
 */
export class Verifier {
  readonly #context: Context
  readonly #table: LogTable
  readonly #checks: Checks
  readonly #queue = new Set<string>()
  #running = false
  #held = 0
  #release: (() => void)[] = []

  constructor(context: Context, table: LogTable, checks: Checks) {
    this.#context = context
    this.#table = table
    this.#checks = checks
  }

  later(origin: string): void {
    this.#queue.add(origin)
    if (this.#running) return
    this.#running = true
    this.#context.background('verify', () => this.#work())
  }

  /** While logs are pulled, the checking waits: what is wanted first is the data. The answer ends the waiting. */
  hold(): () => void {
    this.#held++
    let released = false
    return () => {
      if (released) return
      released = true
      this.#held--
      if (this.#held === 0) for (const go of this.#release.splice(0)) go()
    }
  }

  async #turn(): Promise<void> {
    const { stopping } = this.#context
    while (this.#held > 0 && !stopping.aborted) {
      await new Promise<void>((resolve) => {
        this.#release.push(resolve)
        stopping.addEventListener('abort', () => resolve(), { once: true })
      })
    }
  }

  /** After a restart: goes on with what was not finished. */
  resume(): void {
    for (const { origin, verified, bad } of this.#table.all()) if (!verified && bad === null) this.later(origin)
  }

  /** Whether every live record of a generation is signed by its origin. */
  async check(origin: string, generation: number, turn: () => Promise<void> = async () => {}): Promise<boolean> {
    const key = this.#checks.keyOf(origin)
    if (key === undefined) return false
    for await (const chunk of this.#context.store.range(origin, generation, null)) {
      await turn()
      if (this.#context.stopping.aborted) return false
      const records = chunk.map((bytes) => decodeRecord(bytes))
      if ((await this.#checks.records(records, key)).includes(false)) return false
    }
    return true
  }

  async #work(): Promise<void> {
    try {
      for (const origin of this.#queue) {
        await this.#turn()
        this.#queue.delete(origin)
        await this.#verify(origin)
        if (this.#context.stopping.aborted) return
      }
    } finally {
      this.#running = false
    }
  }

  async #verify(origin: string): Promise<void> {
    const state = this.#table.get(origin)
    if (state === undefined || state.verified) return
    const valid = await this.check(origin, state.generation, () => this.#turn())
    if (this.#context.stopping.aborted) return
    const bad = await this.#table.locked(origin, async () => {
      const now = this.#table.get(origin)
      if (now?.generation !== state.generation) return false
      const reason = valid || this.#checks.keyOf(origin) === undefined ? null : UNSIGNED
      await this.#table.commit({ ...now, verified: valid, bad: reason }, [])
      return reason !== null
    })
    if (bad) this.#checks.markBad(origin, UNSIGNED)
  }
}
