import type { BatchInit, EnginePort, SqlAnalyser } from '../../../src/node/engines/port.ts'
import { ArchipelError, isErrorCode } from '../../../src/protocols/model/errors.ts'
import type { Scheduler } from '../scheduler.ts'

/**
 * The code of simulated work: words `name=value`. `ms`: how long it runs; `rows`; `fail`: an error's code, `at`: where
 * only, `signal`: that of its details; `log`: lines
 * printed, evenly; `from`: the datasets it reads, with commas.
 */
export function readCode(code: string): Map<string, string> {
  return new Map(code.split(/\s+/).map((word) => [word.split('=')[0]!, word.split('=')[1] ?? '']))
}

export const simAnalyser: SqlAnalyser = {
  async analyse(code) {
    if (code.includes('invalid')) throw new ArchipelError('SQL_INVALID', 'not a statement')
    const from = readCode(code).get('from') ?? ''
    return { tables: from === '' ? [] : from.split(','), parameters: code.match(/(?<=\$)\w+/g) ?? [] }
  },
}

/** What has begun and ended in the whole world, whoever remembers it. */
export interface Ledger {
  begun: { island: string; task: string; run: number; forwarded: boolean; init?: Partial<BatchInit> }[]
  ended: { island: string; task: string; run: number }[]
}

/** Runs the code: each run gives a result of its own, so that one sees which one counts. */
export function simEngine(
  island: string,
  alive: () => boolean,
  { scheduler, ledger }: { scheduler: Scheduler; ledger: Ledger },
): EnginePort {
  const engine: Partial<EnginePort> = {
    info: () => ({ kind: 'embedded', languages: ['sql', 'python'], version: 'sim' }),
    async createSession(init, { signal } = {}) {
      await step(5, signal)
      return {
        async run(
          code: string,
          options: { signal?: AbortSignal; sink?: import('../../../src/node/results/port.ts').ResultSink },
        ) {
          const words = readCode(code)
          const task = words.get('task') ?? code
          const run = ledger.begun.length + 1
          ledger.begun.push({ island, task, run, forwarded: init.forwarded === true, init })
          const ms = Number(words.get('ms') ?? 20)
          const lines = Number(words.get('log') ?? 0)
          for (let i = 0; i < lines; i++) {
            options.sink?.log(`line ${i} of run ${run}\n`)
            await step(ms / lines, options.signal)
          }
          if (lines === 0) await step(ms, options.signal)
          const fail = words.get('fail')
          const signal = words.get('signal')
          if (isErrorCode(fail) && (words.get('at') ?? island) === island)
            throw new ArchipelError(fail, 'as the code says', signal === undefined ? {} : { details: { signal } })
          const columns = [
            { name: 'island', type: 'VARCHAR' },
            { name: 'run', type: 'BIGINT' },
          ]
          const rows = Array.from({ length: Number(words.get('rows') ?? 1) }, () => [island, run])
          await options.sink?.table(columns)
          await options.sink?.rows(rows)
          ledger.ended.push({ island, task, run })
          return { result: { columns, rows: [], rowCount: rows.length, truncated: false }, items: [], elapsedMs: ms }
        },
        async close() {},
      } as unknown as Awaited<ReturnType<EnginePort['createSession']>>
    },
    async createBatch(init, options = {}) {
      const session = await engine.createSession!(init)
      // What the program of a file does stands in its arguments.
      const outcome = session.run(init.args?.join(' ') ?? init.code, options)
      outcome.catch(() => {})
      return {
        outcome,
        log: async () => ({ bytes: new Uint8Array(), offset: 0, total: 0 }),
        async cancel() {},
      } as unknown as Awaited<ReturnType<EnginePort['createBatch']>>
    },
  }

  async function step(ms: number, signal: AbortSignal | undefined): Promise<void> {
    const cancelled = Promise.withResolvers<'cancelled'>()
    const onAbort = () => cancelled.resolve('cancelled')
    if (signal?.aborted) onAbort()
    signal?.addEventListener('abort', onAbort, { once: true })
    const how = await Promise.race([scheduler.delay(ms), cancelled.promise])
    signal?.removeEventListener('abort', onAbort)
    if (!alive()) await new Promise(() => {})
    if (how === 'cancelled') throw new ArchipelError('CANCELLED', 'the work was cancelled')
  }

  return engine as EnginePort
}
