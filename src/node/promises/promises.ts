/** Dropping a copy only while enough others are bound to keep theirs. */
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { ArchipelError, toArchipelError } from '../../protocols/model/errors.ts'
import type { PromiseAnswer, PromiseRequest } from '../../protocols/promise/messages.ts'
import type { Copy, PromisesComponents, PromisesInit, PromisesPort } from './port.ts'

const FOR_MS = 600_000
/** So long a drop that is done waits until others know that they are free. */
const RELEASE_MS = 5_000

const stored = z.object({ key: z.string(), to: z.string(), until: z.number(), drop: z.string() })

/** Until when, and for which try to drop. */
interface Given {
  until: number
  drop: string
}

/** A drop of this island that is under way. */
interface Intent {
  /** Names this try. */
  drop: string
  /** Gave way to a lower island. */
  yielded?: string
  /** Has all promises, and deletes. */
  committed: boolean
}

const keyOf = ({ publisher, dataset, version }: Copy) => `${version} ${publisher} ${dataset}`

export function promises(init: PromisesInit, components: PromisesComponents): PromisesPort {
  const { self, forMs = FOR_MS } = init
  const { store, nameOf, logger } = components
  const now = components.now ?? Date.now
  const intents = new Map<string, Intent>()
  /** Until when this island keeps a copy, by copy and by whom it promised. */
  const given = new Map<string, Map<string, Given>>()

  /** The last of the promises that bind now. */
  function bound(key: string): { to: string; until: number } | undefined {
    const all = [...(given.get(key) ?? [])].map(([to, { until }]) => ({ to, until }))
    return all.filter(({ until }) => until > now()).sort((a, b) => b.until - a.until)[0]
  }

  function note(key: string, to: string, promise: Given | undefined): void {
    const of = given.get(key) ?? new Map<string, Given>()
    if (promise === undefined) of.delete(to)
    else of.set(to, promise)
    if (of.size === 0) given.delete(key)
    else given.set(key, of)
  }

  /** Whether this island's own drop forbids a promise. One that is not so far yet gives way to a lower island. */
  function dropping(key: string, from: string): boolean {
    const intent = intents.get(key)
    if (intent === undefined) return false
    if (intent.committed || self < from) return true
    intent.yielded = from
    return false
  }

  async function keep(copy: Copy, from: string, { drop, forMs: ms }: PromiseRequest): Promise<PromiseAnswer> {
    const key = keyOf(copy)
    const asked = now()
    if (dropping(key, from)) return { answer: 'dropping' }
    if (!(await components.holds(copy))) return { answer: 'not-held' }
    // A drop may have begun meanwhile. From here to the note nothing else runs.
    if (dropping(key, from)) return { answer: 'dropping' }
    const before = given.get(key)?.get(from)
    const promise = { drop, until: Math.max(asked + ms, before?.until ?? 0) }
    note(key, from, promise)
    try {
      await store.put(`${key} ${from}`, JSON.stringify({ key, to: from, ...promise }))
    } catch (cause) {
      note(key, from, before)
      throw cause
    }
    return { answer: 'promised' }
  }

  /** Promises of the others, and who did not answer at all. When it is given up, what came in by then is released. */
  async function collect(copy: Copy, drop: string, holders: readonly string[], signal: AbortSignal) {
    const found = { promised: [] as string[], dropping: [] as string[], unanswered: [] as string[] }
    const answers = await Promise.allSettled(
      holders.map(async (island) => {
        try {
          const { answer } = await components.ask(island, { ask: 'keep', ...copy, drop, forMs }, { signal })
          if (answer === 'promised') found.promised.push(island)
          else if (answer === 'dropping') found.dropping.push(island)
        } catch (cause) {
          signal.throwIfAborted()
          logger.debug({ island, code: toArchipelError(cause).code }, 'no promise to keep a copy')
          found.unanswered.push(island)
        }
      }),
    )
    if (answers.every(({ status }) => status === 'fulfilled')) return found
    await release(copy, drop, found.promised)
    throw signal.reason
  }

  /** Where it does not arrive, promises end by their time. */
  async function release(copy: Copy, drop: string, islands: readonly string[]): Promise<void> {
    const signal = AbortSignal.timeout(RELEASE_MS)
    const asked = islands.map((island) => components.ask(island, { ask: 'release', ...copy, drop, forMs }, { signal }))
    for (const { status } of await Promise.allSettled(asked))
      if (status === 'rejected') logger.debug({ dataset: copy.dataset }, 'a promise was not released')
  }

  type Collected = Awaited<ReturnType<typeof collect>>

  /** Why the promises are not enough, if so. */
  function shortage(copy: Copy, { promised, dropping: busy, unanswered }: Collected): ArchipelError | undefined {
    const unmet = components.unmet(copy, promised)
    if (promised.length > 0 && unmet.length === 0) return undefined
    const names = (islands: readonly string[]) => islands.map(nameOf).sort()
    const details = { promised: names(promised), unanswered: names(unanswered), dropping: names(busy), rules: unmet }
    if (unanswered.length > 0)
      return new ArchipelError(
        'PROMISE_MISSING',
        `the copy of ${copy.dataset} stays: no answer from ${details.unanswered.join(', ')}`,
        { details },
      )
    if (busy.length > 0)
      return new ArchipelError('DROP_CONFLICT', `${details.dropping.join(', ')} drops a copy just now`, { details })
    const [rule] = unmet
    if (rule === undefined || promised.length === 0)
      return new ArchipelError('LAST_COPY', `no other island has all of ${copy.dataset}`, { details })
    return new ArchipelError(
      'BELOW_RULE',
      `the rule ${rule.rule} of ${nameOf(rule.origin)} asks for ${rule.wanted} copies, and without this one there are ${rule.kept}`,
      { details },
    )
  }

  /** All that has to be so for the copy to go. @returns who promised. @throws as `drop` */
  async function cleared(
    copy: Copy,
    intent: Intent,
    holders: readonly string[],
    signal: AbortSignal,
  ): Promise<string[]> {
    const begun = now()
    const found = await collect(copy, intent.drop, holders, signal)
    const late = now() - begun > forMs / 2
    const problem =
      intent.yielded !== undefined
        ? new ArchipelError('DROP_CONFLICT', `${nameOf(intent.yielded)} drops its copy just now, and goes first`)
        : late
          ? new ArchipelError('PROMISE_MISSING', 'the answers of the other holders took too long')
          : shortage(copy, found)
    if (problem === undefined) {
      // At once: from here on this island promises nothing.
      intent.committed = true
      return found.promised
    }
    await release(copy, intent.drop, found.promised)
    throw problem
  }

  return {
    async start() {
      for await (const [at, text] of store.entries()) {
        const parsed = stored.safeParse(JSON.parse(text))
        if (parsed.success && parsed.data.until > now()) note(parsed.data.key, parsed.data.to, parsed.data)
        else await store.delete(at)
      }
    },

    promised: (copy) => bound(keyOf(copy)),

    async answer(from, request) {
      const { publisher, dataset, version } = request
      const copy = { publisher, dataset, version }
      if (request.ask === 'keep') return await keep(copy, from, request)
      const key = keyOf(copy)
      if (given.get(key)?.get(from)?.drop === request.drop) {
        note(key, from, undefined)
        await store.delete(`${key} ${from}`)
      }
      return { answer: 'released' }
    },

    async drop(copy, { holders, force, signal }, remove) {
      const key = keyOf(copy)
      if (intents.has(key)) throw new ArchipelError('DROP_CONFLICT', 'it is being dropped already')
      const promise = bound(key)
      if (promise !== undefined)
        throw new ArchipelError('DROP_PROMISED', `this island promised ${nameOf(promise.to)} to keep it`, {
          details: { island: nameOf(promise.to), until: new Date(promise.until).toISOString() },
        })
      const intent: Intent = { drop: randomUUID(), committed: force }
      intents.set(key, intent)
      try {
        const promised = force ? [] : await cleared(copy, intent, holders, signal)
        try {
          await remove()
        } finally {
          // Whoever drops next counts this copy no more, or asks for its promise.
          await release(copy, intent.drop, promised)
        }
      } finally {
        intents.delete(key)
      }
    },
  }
}
