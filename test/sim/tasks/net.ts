import type { TaskHandlers, TaskRemotes } from '../../../src/node/tasks/calls.ts'
import { ArchipelError } from '../../../src/protocols/model/errors.ts'
import { decodeStrict, encodeCanonical } from '../../../src/protocols/record/cbor.ts'
import {
  attemptSpec,
  claimSpec,
  controlSpec,
  fromMessage,
  readSpec,
  toMessage,
} from '../../../src/protocols/task/messages.ts'
import type { ProtocolSpec } from '../../../src/protocols/wire/spec.ts'
import type { Random } from '../random.ts'
import type { Scheduler } from '../scheduler.ts'

/** One run of an island's process. After a crash it neither hears nor is heard. */
export interface Process {
  island: string
  alive: boolean
  handlers: TaskHandlers
  ready: Set<(island: string) => void>
  /** Resolves when it dies. */
  death: PromiseWithResolvers<'dead'>
}

export interface TaskWeather {
  /** Part of the messages that get lost; the stream they belong to breaks. */
  loss: number
  /** Part of the requests that arrive a second time, later. */
  duplication: number
  /** Milliseconds one way: least and most. */
  latency: [number, number]
}

export const FAIR: TaskWeather = { loss: 0, duplication: 0, latency: [1, 5] }

/** Milliseconds until a lost message is noticed. */
const NOTICED_MS = 3_000

/** Streams of the task protocols in virtual time: encoded and checked as on the wire. */
export class TaskNet {
  readonly #scheduler: Scheduler
  readonly #random: Random
  readonly #processes = new Map<string, Process>()
  weather: TaskWeather = FAIR
  /** Group of each island; those of different groups do not reach each other. */
  readonly partition = new Map<string, number>()
  /** Called for every request that arrives, before it is handled. */
  onRequest: ((to: string, spec: string, request: unknown) => void) | undefined

  constructor(scheduler: Scheduler, random: Random) {
    this.#scheduler = scheduler
    this.#random = random
  }

  join(process: Process): void {
    this.#processes.set(process.island, process)
    this.heard()
  }

  leave(process: Process): void {
    process.alive = false
    process.death.resolve('dead')
    if (this.#processes.get(process.island) === process) this.#processes.delete(process.island)
  }

  /** Tells everybody who can be reached now, as when a connection is made. */
  heard(): void {
    for (const a of this.#processes.values())
      for (const b of this.#processes.values())
        if (a !== b && this.reaches(a.island, b.island)) for (const listener of a.ready) listener(b.island)
  }

  reaches(a: string, b: string): boolean {
    return (
      this.#processes.has(a) && this.#processes.has(b) && (this.partition.get(a) ?? 0) === (this.partition.get(b) ?? 0)
    )
  }

  remotes(from: Process): TaskRemotes {
    const series = <Q, A>(
      island: string,
      spec: ProtocolSpec<Q, A>,
      request: Q,
      signal: AbortSignal,
      handle: (h: TaskHandlers, request: Q, signal: AbortSignal) => AsyncIterable<A>,
      onSent?: () => void,
    ): AsyncIterable<A> => {
      if (island !== from.island) return this.#series(from, island, spec, request, signal, handle, onSent)
      onSent?.()
      return handle(from.handlers, request, signal)
    }
    const single = async <Q, A>(
      island: string,
      spec: ProtocolSpec<Q, A>,
      request: Q,
      signal: AbortSignal,
      handle: (h: TaskHandlers, request: Q) => Promise<A>,
    ): Promise<A> => {
      if (island === from.island) return await handle(from.handlers, request)
      const wrapped = async function* (h: TaskHandlers, asked: Q) {
        yield await handle(h, asked)
      }
      for await (const answer of this.#series(from, island, spec, request, signal, wrapped)) return answer
      throw new ArchipelError('PROTOCOL', 'no answer')
    }
    return {
      attempt: (island, request, { signal, onSent }) =>
        series(
          island,
          attemptSpec,
          toMessage(request),
          signal,
          (h, r, s) => h.attempt(fromMessage(r), from.island, { signal: s }),
          onSent,
        ),
      control: (island, request, { signal }) =>
        single(island, controlSpec, request, signal, (h, r) => h.control(r, from.island)),
      claim: (island, request, { signal }) =>
        single(island, claimSpec, request, signal, (h, r) => h.claim(r, from.island)),
      read: (island, request, { signal }) =>
        series(island, readSpec, request, signal, (h, r, s) => h.read(r, from.island, { signal: s })),
      describe: async (island, task, { signal }) => {
        const spec = { name: 'describe' } as unknown as ProtocolSpec<{ task: string }, { view: string }>
        const { view } = await single(island, spec, { task }, signal, async (h, r) => ({
          view: JSON.stringify(await h.describe(r.task)),
        }))
        return JSON.parse(view)
      },
      connected: () => [...this.#processes.keys()].filter((i) => i !== from.island && this.reaches(from.island, i)),
      onReady: (listener) => {
        from.ready.add(listener)
        return () => from.ready.delete(listener)
      },
    }
  }

  #latency(): number {
    const [least, most] = this.weather.latency
    return least + this.#random() * (most - least)
  }

  /** One way, or the error that a lost or impossible message ends in. */
  async #carry(from: Process, a: string, b: string, signal: AbortSignal): Promise<void> {
    const lost = this.#random.chance(this.weather.loss)
    if (!lost && this.reaches(a, b)) {
      await this.#scheduler.delay(this.#latency())
      if (this.reaches(a, b)) return
    }
    await this.#wait(NOTICED_MS, signal)
    await gone(from)
    throw new ArchipelError('UNREACHABLE', 'the connection is lost')
  }

  async #wait(ms: number, signal: AbortSignal): Promise<void> {
    await Promise.race([this.#scheduler.delay(ms), aborted(signal)])
  }

  async *#series<Q, A>(
    from: Process,
    to: string,
    spec: ProtocolSpec<Q, A>,
    request: Q,
    signal: AbortSignal,
    handle: (handlers: TaskHandlers, request: Q, signal: AbortSignal) => AsyncIterable<A>,
    onSent?: () => void,
  ): AsyncGenerator<A> {
    await gone(from)
    if (signal.aborted) throw new ArchipelError('CANCELLED', 'cancelled before it was asked')
    if (!this.reaches(from.island, to)) {
      await this.#wait(this.#latency(), signal)
      await gone(from)
      throw new ArchipelError('UNREACHABLE', 'not connected')
    }
    onSent?.()
    const asked = read(spec.request, encodeCanonical(request))
    if (this.#random.chance(this.weather.duplication)) this.#again(from, to, spec, asked, handle)
    await this.#carry(from, from.island, to, signal)
    const target = this.#processes.get(to)!
    this.onRequest?.(to, spec.name, asked)
    const closed = new AbortController()
    const items = handle(target.handlers, asked, closed.signal)[Symbol.asyncIterator]()
    const left = aborted(signal)
    try {
      for (;;) {
        const next = await Promise.race([items.next(), left, target.death.promise])
        await gone(from)
        if (next === 'aborted') throw new ArchipelError('CANCELLED', 'the asker stopped listening')
        if (next === 'dead') {
          await this.#wait(NOTICED_MS, signal)
          await gone(from)
          throw new ArchipelError('UNREACHABLE', 'the connection is lost')
        }
        if (next.done === true) return
        await this.#carry(from, to, from.island, signal)
        await gone(from)
        yield read(spec.item, encodeCanonical(next.value))
      }
    } catch (error) {
      // A refusal has to come back, too.
      if (target.alive && !signal.aborted && (error as ArchipelError).code !== 'UNREACHABLE')
        await this.#carry(from, to, from.island, signal)
      await gone(from)
      throw error
    } finally {
      closed.abort()
      void items.return?.()
    }
  }

  /** The same request once more, some time later; nobody listens to the answer. */
  #again<Q, A>(
    from: Process,
    to: string,
    _spec: ProtocolSpec<Q, A>,
    asked: Q,
    handle: (handlers: TaskHandlers, request: Q, signal: AbortSignal) => AsyncIterable<A>,
  ): void {
    this.#scheduler.after(this.#random() * 5_000, () => {
      const target = this.#processes.get(to)
      if (target === undefined || !this.reaches(from.island, to)) return
      void (async () => {
        try {
          for await (const _ of handle(target.handlers, asked, new AbortController().signal)) break
        } catch {
          // Nobody hears it.
        }
      })()
    })
  }
}

/** What a dead process would have done next never happens. */
async function gone(process: Process): Promise<void> {
  if (!process.alive) await new Promise(() => {})
}

function aborted(signal: AbortSignal): Promise<'aborted'> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve('aborted')
    else signal.addEventListener('abort', () => resolve('aborted'), { once: true })
  })
}

function read<T>(schema: { safeParse(v: unknown): { success: boolean; data?: T } } | undefined, bytes: Uint8Array): T {
  const value = decodeStrict(bytes, { maxBytes: 64 * 1024 * 1024 })
  if (schema === undefined) return value as T
  const parsed = schema.safeParse(value)
  if (!parsed.success) throw new ArchipelError('PROTOCOL', 'malformed')
  return parsed.data as T
}
