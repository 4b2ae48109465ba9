/** Submitting a task and waiting for its end, as `run` and `sql` do. */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { ArchipelError, toArchipelError } from '../../protocols/model/errors.ts'
import type { ActionRunRequest, SubmitRequest, TaskView } from '../../protocols/model/views.ts'
import type { IslandClient } from '../../web/client/index.ts'
import { cleanLines } from './clean.ts'
import type { Cli } from './context.ts'
import { drained } from './drained.ts'
import { explainOf, explanation } from './explanation.ts'
import { bytes } from './format.ts'
import type { Io } from './io.ts'
import { withProgress } from './progress.ts'
import { failureOf, isEnded, shortTask, stateWords } from './task-words.ts'

/** Milliseconds that the island has to take a cancellation, after Ctrl-C. */
const CANCEL_MS = 5000
/** Milliseconds between two looks at a log that does not grow. */
const LOG_PAUSE_MS = 400
const LOG_PAGE = 64 * 1024
/** Bytes at the end of the log of a program that failed which are printed. */
const TAIL_BYTES = 2000

/** What a task printed, from an offset; with `follow`, until it has ended. */
export async function* logText(
  client: IslandClient,
  id: string,
  { offset = 0, follow, signal }: { offset?: number; follow: boolean; signal: AbortSignal },
): AsyncGenerator<string> {
  let at = offset
  for (;;) {
    const page = await client.tasks.log(id, { offset: at, limit: LOG_PAGE }, { signal })
    if (page.text !== '') yield page.text
    const stuck = page.next === at
    at = page.next
    if (at < page.total && !stuck) continue
    if (page.ended || !follow) return
    if (stuck) await sleep(LOG_PAUSE_MS, undefined, { signal })
  }
}

/** Waits for the end. With `follow`, changes and what the task prints go to stderr. */
export async function waitForEnd(
  cli: Cli,
  client: IslandClient,
  id: string,
  { follow }: { follow: boolean },
): Promise<TaskView> {
  const { io, signal } = cli
  cli.goesOn = `The task is kept: start the island with \`archipel up\`, then \`archipel task result ${shortTask(id)} --wait\`.`
  const stop = new AbortController()
  const logging = follow ? printLog(io, client, id, AbortSignal.any([signal, stop.signal])) : Promise.resolve()
  logging.catch(() => {})
  try {
    const wait = async (update: (label: string) => void) => {
      let last: TaskView | undefined
      let words = ''
      for await (const view of client.tasks.watch(id, { signal })) {
        last = view
        if (stateWords(view) === words) continue
        words = stateWords(view)
        update(words)
        // The end is told by what comes after the log.
        if (follow && !isEnded(view)) io.note(words)
      }
      return last ?? client.tasks.show(id, { signal })
    }
    const view = follow ? await wait(() => {}) : await withProgress(io, 'submitted', (p) => wait(p.update))
    if (isEnded(view)) await logging
    return view
  } finally {
    stop.abort()
  }
}

async function printLog(io: Io, client: IslandClient, id: string, signal: AbortSignal): Promise<void> {
  for await (const text of logText(client, id, { follow: true, signal })) io.note(cleanLines(text).replace(/\n$/, ''))
}

/** After Ctrl-C: ends the task and says so, or says how to. */
async function cancel(io: Io, client: IslandClient, id: string): Promise<ArchipelError> {
  const short = shortTask(id)
  const details = { task: id }
  try {
    const view = await client.tasks.cancel(id, { signal: AbortSignal.timeout(CANCEL_MS) })
    const words = isEnded(view) ? `Task ${short} is ${view.state}.` : `Task ${short} is being cancelled.`
    io.note(words)
    return new ArchipelError('CANCELLED', 'the task was cancelled', {
      hint: `\`archipel task retry ${short}\` runs it again; --detach leaves a task to itself.`,
      details,
    })
  } catch (cause) {
    const hint = `It may go on: \`archipel task show ${short}\` tells, \`archipel task cancel ${short}\` ends it.`
    io.note(`Task ${short} could not be cancelled. ${hint}`)
    return new ArchipelError('CANCELLED', 'the call was cancelled, the task was not', { hint, details, cause })
  }
}

/** Work, or the run of an action. */
export type Ask = { request: SubmitRequest } | { action: string; request: ActionRunRequest }

const keyed = <R extends { idempotencyKey?: string }>(request: R): R => ({
  ...request,
  idempotencyKey: request.idempotencyKey ?? randomUUID(),
})

/** Durable at the island when it resolves. A Ctrl-C meanwhile cancels what came of it. */
async function submit(cli: Cli, client: IslandClient, ask: Ask): Promise<TaskView> {
  const { io, signal } = cli
  // The key lets the answer be asked for again: what was begun can be named, whatever became of the connection.
  const submitted = withProgress(io, 'submitting', () =>
    'action' in ask ? client.actions.run(ask.action, keyed(ask.request)) : client.tasks.submit(keyed(ask.request)),
  )
  const aborted = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined)
    signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
  const view = await Promise.race([submitted, aborted])
  if (view !== undefined) return view
  const late = await Promise.race([submitted.catch(() => undefined), sleep(CANCEL_MS, undefined, { ref: false })])
  if (late !== undefined) throw await cancel(io, client, late.id)
  throw new ArchipelError('CANCELLED', 'the call was cancelled')
}

/** Prints the explanation that an error carries, where it was asked for. */
async function explained<T>(io: Io, wanted: boolean | undefined, work: Promise<T>): Promise<T> {
  return work.catch((cause) => {
    const error = toArchipelError(cause)
    const explain = explainOf(error.details)
    if (wanted && explain !== undefined) io.note(explanation(explain, stderrTable()))
    throw error
  })
}

export function stderrTable(): { width: number } {
  return { width: process.stderr.isTTY ? (process.stderr.columns ?? 80) : Number.POSITIVE_INFINITY }
}

/** The choice of an island, printed; nothing is run. */
export async function dryRun(cli: Cli, request: SubmitRequest): Promise<void> {
  const { io, signal } = cli
  const client = await cli.client()
  const placing = withProgress(io, 'choosing an island', () => client.tasks.place(request, { signal }))
  const placement = await explained(io, true, placing)
  if (io.json) return io.printJson(placement)
  io.print(explanation(placement.explain, { width: io.width, style: (text) => io.style('bold', text) }))
}

/** Submits and leaves. */
export async function detach(cli: Cli, ask: Ask): Promise<void> {
  const { io } = cli
  const client = await cli.client()
  const view = await submit(cli, client, ask)
  if (io.json) return io.printJson(view)
  io.print(view.id)
  const short = shortTask(view.id)
  io.note(`Next: archipel task result ${short} --wait, archipel task cancel ${short}`)
}

/** Submits and waits; a first Ctrl-C cancels the task. @throws what ended the task without a result */
export async function runToEnd(
  cli: Cli,
  ask: Ask,
  { follow = false, explain }: { follow?: boolean; explain?: boolean | undefined },
): Promise<TaskView> {
  const { io, signal } = cli
  const client = await cli.client()
  const { id } = await explained(io, explain, submit(cli, client, ask))
  if (follow) io.note(`Task ${id}`)
  const view = await waitForEnd(cli, client, id, { follow }).catch(async (cause) => {
    throw signal.aborted ? await cancel(io, client, id) : cause
  })
  if (signal.aborted && !isEnded(view)) throw await cancel(io, client, id)
  if (explain && view.explain.length > 0) io.note(explanation(view.explain, stderrTable()))
  if (view.state === 'succeeded') return view
  if (!follow && view.logBytes > 0 && view.error?.code === 'CODE_FAILED') await tail(io, client, view, signal)
  throw failureOf(view)
}

/** What a program printed that was not followed: its output where it has no other, else where to find it. */
export async function printed(cli: Cli, client: IslandClient, view: TaskView): Promise<void> {
  const { io, signal } = cli
  if (view.kind === 'sql' || view.logBytes === 0 || io.json) return
  if (view.result !== undefined && view.result.kind !== 'none')
    return io.note(`It printed ${bytes(view.logBytes)}: archipel task log ${shortTask(view.id)}`)
  for await (const text of logText(client, view.id, { follow: false, signal })) {
    io.write(process.stdout.isTTY ? cleanLines(text) : text)
    await drained(signal)
  }
}

/** The end of the log, without what the error says again. */
async function tail(io: Io, client: IslandClient, view: TaskView, signal: AbortSignal): Promise<void> {
  const { id, logBytes, error } = view
  let text = ''
  const offset = Math.max(0, logBytes - TAIL_BYTES)
  for await (const part of logText(client, id, { offset, follow: false, signal })) text += part
  // The first line may be cut.
  const lines = cleanLines(offset === 0 ? text : text.replace(/^[^\n]*\n/, '...\n')).trimEnd()
  const rest = withoutSaid(lines, cleanLines(error?.message ?? '').trimEnd())
  if (rest !== '') io.note(rest)
}

/** The lines without those at their end that the message is made of, whole or below its first line. */
function withoutSaid(lines: string, message: string): string {
  const below = message.includes('\n') ? message.slice(message.indexOf('\n') + 1) : ''
  // Of a log that was cut, the message may say more.
  if (below !== '' && lines.startsWith('...\n') && below.endsWith(lines.slice(4))) return ''
  const said = [message, below].find((text) => text !== '' && lines.endsWith(text))
  return (said === undefined ? lines : lines.slice(0, -said.length)).trimEnd()
}
