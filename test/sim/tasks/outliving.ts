import type { EnginePort, EngineSession, StatementOptions } from '../../../src/node/engines/port.ts'
import { ArchipelError } from '../../../src/protocols/model/errors.ts'
import type { Scheduler } from '../scheduler.ts'
import { type Ledger, readCode } from './work.ts'

/** Work beside an island: it goes on while that is down. */
export interface Outliving {
  run: number
  since: number
}

/**
 * An engine whose work is elsewhere: it is found again by its key. What is in `there` runs; a key in `lost` had begun and is not
 * there any more.
 */
export function outlivingEngine(
  island: string,
  alive: () => boolean,
  { scheduler, ledger }: { scheduler: Scheduler; ledger: Ledger },
  { there, lost }: { there: Map<string, Outliving>; lost: Set<string> },
): EnginePort {
  let left = false

  async function at(time: number, signal: AbortSignal | undefined): Promise<void> {
    const cancelled = Promise.withResolvers<void>()
    signal?.addEventListener('abort', () => cancelled.resolve(), { once: true })
    if (signal?.aborted) cancelled.resolve()
    await Promise.race([scheduler.delay(Math.max(0, time - scheduler.now)), cancelled.promise])
    if (!alive()) await new Promise(() => {})
    if (signal?.aborted) throw new ArchipelError('CANCELLED', 'the work was cancelled')
  }

  function begin(key: string, code: string): Outliving {
    const run = ledger.begun.length + 1
    ledger.begun.push({ island, task: readCode(code).get('task') ?? code, run, forwarded: false })
    const work = { run, since: scheduler.now }
    there.set(key, work)
    return work
  }

  async function run(key: string, code: string, { signal, sink, printed = '' }: StatementOptions) {
    const words = readCode(code)
    const work = there.get(key) ?? begin(key, code)
    const ms = Number(words.get('ms') ?? 20)
    const lines = Number(words.get('log') ?? 0)
    for (let i = 0; i < lines; i++) {
      await at(work.since + (i * ms) / lines, signal)
      const line = `line ${i} of run ${work.run}\n`
      if (!printed.includes(line)) sink?.log(line)
    }
    await at(work.since + ms, signal)
    await sink?.table([{ name: 'run', type: 'BIGINT' }])
    await sink?.rows([[work.run]])
    ledger.ended.push({ island, task: words.get('task') ?? code, run: work.run })
    return { result: { columns: [], rows: [], rowCount: 1, truncated: false }, items: [], elapsedMs: ms }
  }

  const engine: Partial<EnginePort> = {
    info: () => ({ kind: 'livy', languages: ['sql', 'python'], version: 'sim' }),
    async createSession({ key = '' }, { signal } = {}) {
      await at(scheduler.now + 5, signal)
      const session: Partial<EngineSession> = {
        run: (code, options = {}) => run(key, code, options),
        async close() {
          if (alive() && !left) there.delete(key)
        },
      }
      return session as EngineSession
    },
    outliving: {
      has: (key) => there.has(key) || lost.has(key),
      async find(key, { signal }) {
        await at(scheduler.now + 5, signal)
        if (lost.has(key)) throw new ArchipelError('ENGINE_FAILED', 'the work is lost')
        return there.has(key)
      },
      keep(keys) {
        for (const key of there.keys()) if (!keys.includes(key)) there.delete(key)
      },
      release: (key) => void there.delete(key),
      leave() {
        left = true
      },
    },
  }
  return engine as EnginePort
}
