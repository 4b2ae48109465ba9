import { ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import type { ParamValue } from '../../../protocols/model/task.ts'
import type { Prompt } from '../port.ts'
import { scrubber } from '../process/scrub.ts'
import { timeLimit } from '../process/time-limit.ts'
import { COLLECT_BYTES, COLLECT_ROWS } from '../session/collect.ts'
import type { SessionLog } from '../session/log.ts'
import type { Backend } from '../session/session.ts'
import type { Frame } from './frames.ts'
import { driverMessage, rText } from './messages.ts'
import { type ProgramInit, startProgram } from './process.ts'
import { RETURN_LESS, receiver } from './receiver.ts'

export interface ProgramBackendInit extends Omit<ProgramInit, 'onOutput'> {
  params: Record<string, ParamValue>
  log: SessionLog
  prompt?: Prompt | undefined
}

/** Statements of other than rows: frames and names of items. */
const SLACK_BYTES = 1024 ** 2
const OPEN_TIMEOUT_MS = 30_000
/** From the interrupt to the kill. */
const INTERRUPT_GRACE_MS = 1_500
const INTERRUPT_AGAIN_MS = 250

/**
 * Python or R in a process of its own: statements share the program's variables, as in a notebook.
 * @throws STALE, ENGINE_FAILED (the interpreter does not start), CANCELLED
 */
export async function programBackend(init: ProgramBackendInit, signal?: AbortSignal): Promise<Backend> {
  const { language, limits, datasets, log } = init
  let print = (_chunk: Buffer) => {}
  const program = await startProgram({
    ...init,
    onOutput(chunk) {
      log.append(chunk)
      print(chunk)
    },
  })
  const boxed = init.tools.bwrap !== undefined
  const scrub = scrubber(datasets, program.paths)
  const clean = (error: ArchipelError) => (boxed ? error : scrub(error))
  const request = (value: unknown) =>
    language.kind === 'r' ? program.send('B', rText(value)) : program.send('J', JSON.stringify(value))

  const closed = () => new ArchipelError('CANCELLED', 'the session was closed')

  /** Sends requests and hands each frame to `take` until it gives a value or throws; the process is killed for what it throws. */
  async function converse<T>(
    begin: () => void,
    take: (frame: Frame | undefined) => Promise<{ value: T } | undefined>,
    options: { timeoutMs: number; signal?: AbortSignal; late: ArchipelError },
  ): Promise<T> {
    const result = Promise.withResolvers<T>()
    let stopping: ArchipelError | undefined
    let grace: NodeJS.Timeout | undefined
    let again: NodeJS.Timeout | undefined
    const stop = (error: ArchipelError) => {
      if (stopping !== undefined) return
      stopping = error
      program.interrupt()
      // Again and again: the driver may not have begun yet.
      again = setInterval(() => program.interrupt(), INTERRUPT_AGAIN_MS)
      grace = setTimeout(() => program.kill(error), INTERRUPT_GRACE_MS)
    }
    program.onFrame = async (frame) => {
      try {
        const answer = await take(frame)
        if (answer === undefined) return
        if (stopping === undefined) result.resolve(answer.value)
        else result.reject(stopping)
      } catch (cause) {
        const error = toArchipelError(cause)
        if (error.code === 'CANCELLED' && stopping !== undefined) return result.reject(stopping)
        if (error instanceof Reported) return result.reject(stopping ?? error)
        stopping ??= error
        program.kill(stopping)
      }
    }
    const onAbort = () => stop(new ArchipelError('CANCELLED', 'the statement was cancelled'))
    const deadline = setTimeout(() => stop(options.late), options.timeoutMs)
    options.signal?.addEventListener('abort', onAbort, { once: true })
    try {
      if (options.signal?.aborted) throw new ArchipelError('CANCELLED', 'the statement was cancelled')
      begin()
      return await Promise.race([
        result.promise,
        program.exited.then(() => {
          throw program.verdict ?? closed()
        }),
      ])
    } finally {
      // Nobody speaks between statements; what still comes of the last one is not read as of the next.
      program.onFrame = async () => {}
      clearTimeout(deadline)
      clearTimeout(grace)
      clearInterval(again)
      options.signal?.removeEventListener('abort', onAbort)
      result.promise.catch(() => {})
    }
  }

  async function open(): Promise<void> {
    const bound = datasets.map((dataset, i) => ({
      id: dataset.id,
      names: dataset.names,
      format: dataset.format,
      columns: dataset.columns.map(({ name }) => ({ name })),
      dialect: dataset.dialect,
      paths: program.paths[i],
    }))
    await converse(
      () => request({ datasets: bound, params: init.params, prompt: init.prompt !== undefined }),
      async (frame) => {
        if (frame === undefined || 'raw' in frame || driverMessage.safeParse(frame.message).data?.is !== 'ready')
          throw new ArchipelError(
            'ENGINE_FAILED',
            `the ${language.kind} driver said something else than that it is ready`,
          )
        return { value: undefined }
      },
      {
        timeoutMs: OPEN_TIMEOUT_MS,
        late: new ArchipelError('ENGINE_FAILED', `${language.kind} did not start in time`),
        ...(signal && { signal }),
      },
    )
  }

  /** Answers a question of the program; it waits for nothing else meanwhile. */
  async function answer({ sql }: Prompt, query: { sql: string; maxRows: number }, signal: AbortSignal): Promise<void> {
    try {
      const { columns, rows, truncated } = await sql(query.sql, { maxRows: query.maxRows, signal })
      request({ columns: columns.map(({ name, type }) => ({ name, type })), rows, truncated })
    } catch (cause) {
      const { code, message } = toArchipelError(cause)
      request({ code, message })
    }
  }

  try {
    await open()
  } catch (error) {
    program.kill(closed())
    await program.exited
    if ((error as ArchipelError).code === 'CANCELLED') throw error
    const last = new TextDecoder()
      .decode(log.read({ offset: 0, limit: 4096 }).bytes)
      .trim()
      .split('\n')
      .at(-1)
    throw clean(
      new ArchipelError('ENGINE_FAILED', `${language.kind} does not start: ${last || (error as Error).message}`, {
        cause: error,
      }),
    )
  }

  return {
    exited: program.exited,
    get dead() {
      return program.dead
    },
    async execute(code, options) {
      const { sink, maxRows = limits.resultRows } = options
      const { ms, late } = timeLimit('program', options.timeoutMs, limits.statementMs)
      const started = performance.now()
      const rows = Math.max(0, Math.min(maxRows, limits.resultRows, sink === undefined ? COLLECT_ROWS : Infinity))
      const bytes = Math.min(limits.resultBytes, sink === undefined ? COLLECT_BYTES : Infinity)
      const { prompt } = init
      const into = receiver({
        onQuery: prompt && ((query) => answer(prompt, query, options.signal)),
        ...(sink && { sink }),
        maxRows: rows,
        maxBytes: bytes + SLACK_BYTES,
        dir: program.dir,
        onProgress: options.progress,
      })
      print = (chunk) => sink?.log(chunk)
      program.countAnew()
      try {
        await converse(
          () => {
            request({ maxRows: rows, maxBytes: bytes })
            program.send('B', code)
          },
          async (frame) => {
            const last = await into.take(frame)
            if (last?.is === 'failed') throw new Reported(last.code, last.message.slice(-4000), hintOf(last.code))
            return last && { value: undefined }
          },
          {
            timeoutMs: ms,
            signal: options.signal,
            late,
          },
        )
        return into.outcome(performance.now() - started)
      } catch (error) {
        throw clean(toArchipelError(error))
      } finally {
        await program.settled()
        print = () => {}
        await into.abandon()
      }
    },
    async kill() {
      program.kill(closed())
      await program.exited
    },
  }
}

const hintOf = (code: string) => (code === 'RESULT_LIMIT' ? { hint: RETURN_LESS } : {})

/** What the program's driver reports: the process goes on. */
class Reported extends ArchipelError {}
