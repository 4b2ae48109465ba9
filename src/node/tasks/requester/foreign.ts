import { z } from 'zod'
import { ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import { type ResultMeta, requesterOf, taskKind, taskState } from '../../../protocols/model/task.ts'
import { FINAL_STATES } from '../../../protocols/model/task-states.ts'
import type { TaskView } from '../../../protocols/model/views.ts'
import type { SpoolKey, SpoolPort } from '../../results/port.ts'
import type { TaskRemotes } from '../calls.ts'

export interface ForeignComponents {
  self: string
  remotes: TaskRemotes
  spool: SpoolPort
  nameOf(island: string): string
  isMember(island: string): boolean
  /** What this island knows of it as a provider. */
  provided(task: string): Promise<TaskView | undefined>
  /** @throws TASK_NOT_FOUND when it is not, or no longer, kept here */
  providedLog(
    task: string,
    range: { offset: number; limit: number },
  ): Promise<{ bytes: Uint8Array; total: number; ended: boolean }>
}

/** Islands asked at most when the owner is away. */
const MAX_ASKED = 32
/** Results of others kept here while somebody pages through them. */
const MAX_CACHED = 8
/** The number of no attempt. */
const CACHED_AS = 900_000_000

/** What is read of a view before it is passed on; more passes through. */
const essential = z.looseObject({
  id: z.string(),
  kind: taskKind,
  user: z.string(),
  state: taskState,
  code: z.string(),
  codeSha256: z.string(),
  params: z.record(z.string(), z.unknown()),
  datasets: z.array(z.looseObject({ id: z.string() })),
  askedAt: z.looseObject({ island: z.string(), name: z.string(), time: z.string() }),
  attempts: z.array(z.looseObject({ number: z.number(), island: z.string(), state: z.string() })),
  explain: z.array(z.unknown()),
  logBytes: z.number(),
  elapsedMs: z.number(),
  atMostOnce: z.boolean(),
  cancelRequested: z.boolean(),
  waitsFor: z.looseObject({ island: z.string(), name: z.string() }).optional(),
})

/** Tasks of other islands, by their ids: their owners are asked, or who ran them. */
export function foreignTasks(init: { stopping: AbortSignal }, components: ForeignComponents) {
  const { remotes, spool, nameOf } = components
  const cached = new Map<string, Promise<void>>()

  async function ask(island: string, id: string, signal: AbortSignal): Promise<TaskView> {
    const view = await remotes.describe(island, id, { signal })
    const parsed = essential.safeParse(view)
    if (!parsed.success || parsed.data.id !== id)
      throw new ArchipelError('PROTOCOL', `${nameOf(island)} answered with something that is not this task`)
    const owner = island === requesterOf(id)
    return { ...view, from: { island, name: nameOf(island), role: owner ? 'requester' : 'provider' } }
  }

  async function show(id: string, signal: AbortSignal): Promise<TaskView> {
    const owner = requesterOf(id)
    let why: ArchipelError
    try {
      if (!components.isMember(owner))
        throw new ArchipelError('UNREACHABLE', 'the island that asked for it is no member')
      return await ask(owner, id, signal)
    } catch (cause) {
      why = toArchipelError(cause)
      if (why.code !== 'UNREACHABLE' && why.code !== 'DEADLINE' && why.code !== 'NOT_A_MEMBER') throw why
    }
    const mine = await components.provided(id)
    const others = remotes.connected().filter((island) => island !== owner)
    const answers = await Promise.all(
      others.slice(0, MAX_ASKED).map((island) => ask(island, id, signal).catch(() => undefined)),
    )
    const best = [mine, ...answers].filter((view) => view !== undefined).sort((a, b) => attemptOf(b) - attemptOf(a))[0]
    if (best !== undefined) return best
    // Nobody who could come back has ever had it.
    if (!components.isMember(owner))
      throw new ArchipelError('TASK_NOT_FOUND', `${why.message}, and nobody here knows it`)
    throw new ArchipelError('UNREACHABLE', `${nameOf(owner)}, which owns the task, does not answer: ${why.message}`)
  }

  async function* bytes(
    id: string,
    item: string,
    range: { offset: number; limit?: number },
    signal: AbortSignal,
    island = requesterOf(id),
  ): AsyncGenerator<Uint8Array> {
    const limit = range.limit ?? Number.MAX_SAFE_INTEGER
    const request = { task: id, item, offset: range.offset, limit }
    for await (const answer of remotes.read(island, request, { signal })) yield answer.bytes
  }

  /** From its owner; while that is away, from who runs it or ran it, until the owner has taken it over. */
  async function log(id: string, range: { offset: number; limit: number }, signal: AbortSignal) {
    const view = await show(id, signal)
    const { from, logBytes: total, askedAt } = view
    try {
      if (from.role === 'provider' && from.island === components.self) return await components.providedLog(id, range)
      const parts: Uint8Array[] = []
      if (range.offset < total) for await (const part of bytes(id, 'log', range, signal, from.island)) parts.push(part)
      return { bytes: Buffer.concat(parts), total, ended: FINAL_STATES.has(view.state) || view.waitsFor !== undefined }
    } catch (cause) {
      if (from.role === 'requester' || toArchipelError(cause).code !== 'TASK_NOT_FOUND') throw cause
      if (total === 0) return { bytes: new Uint8Array(), total, ended: FINAL_STATES.has(view.state) }
      throw new ArchipelError('UNREACHABLE', `the log is at ${askedAt.name}, which does not answer`, { cause })
    }
  }

  /** The whole result in the own spool, for paging. */
  async function fetch(id: string, meta: ResultMeta): Promise<SpoolKey> {
    const key = { task: id, attempt: CACHED_AS }
    const known = cached.get(id)
    cached.delete(id)
    const fetchItem = (item: string, offset: number) => bytes(id, item, { offset }, init.stopping)
    const fetching = known ?? spool.receive(key, meta, { inline: [], fetch: fetchItem })
    cached.set(id, fetching)
    try {
      await fetching
    } catch (error) {
      if (cached.get(id) === fetching) cached.delete(id)
      throw error
    }
    for (const [oldest] of [...cached].slice(0, Math.max(0, cached.size - MAX_CACHED))) {
      cached.delete(oldest)
      await spool.remove({ task: oldest, attempt: CACHED_AS })
    }
    return key
  }

  return { show, bytes, log, fetch }
}

function attemptOf(view: TaskView): number {
  return view.attempts.at(-1)?.number ?? 0
}
