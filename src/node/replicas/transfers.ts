/** Transfers: asked for, durable, taken up in turn, paused, resumed, ended. */

import { isDeepStrictEqual } from 'node:util'
import type { Logger } from 'pino'
import { ArchipelError, toArchipelError } from '../../protocols/model/errors.ts'
import {
  TRANSFER_ENDS,
  type TransferCarrier,
  type TransferPriority,
  type TransferState,
} from '../../protocols/model/transfer.ts'
import type { JournalPort } from '../journal/journal.ts'
import type { SourceFile } from '../publish/port.ts'
import { tellBad } from './bad-piece.ts'
import { matches } from './names.ts'
import { type Amount, grown, type Replica, type ReplicaStore, type StoredFile, type Transfer } from './port.ts'
import { limiting, type Rate, rate, rates } from './rate.ts'
import type { RemoteOf } from './run/port.ts'
import { runTransfer, type TakePiece } from './run/run.ts'
import type { Source } from './run/source.ts'
import type { ReplicaShelf } from './shelf.ts'
import type { Space } from './space.ts'

export interface TransfersInit {
  self: string
  /** Transfers that run at a time. */
  active: number
  downBytesPerSecond: number
  downBytesPerSecondPerIsland: number
  /** Ended transfers that are remembered. */
  kept: number
}

export interface TransfersComponents {
  store: ReplicaStore
  shelf: ReplicaShelf
  space: Space
  journal: JournalPort
  /** Other islands that say they hold it. */
  holders(transfer: Transfer, signal: AbortSignal): Promise<string[]>
  remote: RemoteOf
  pieceTable(file: SourceFile): Promise<Uint8Array>
  /** Takes over what another version has; `save` makes it count. */
  reuse(
    replica: Replica,
    globs: readonly string[],
    save: (files: StoredFile[], done: Amount) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void>
  /** All bytes are there. May take its time. @throws why they could not be delivered */
  onWhole(transfer: Transfer, signal: AbortSignal): Promise<void>
  logger: Logger
}

/** What is known of a transfer only while it runs. */
export interface Live {
  bytesPerSecond: number
  sources: { island: string; bytesPerSecond: number; carrier: TransferCarrier | undefined }[]
}

export interface Transfers {
  start(): Promise<void>
  /** Takes the unfinished ones up. */
  resumeAll(): void
  stop(): Promise<void>
  /** @param replica what becomes of the one that is there, if any */
  add(transfer: Transfer, replica: (now: Replica | undefined) => Replica): Promise<void>
  all(): Transfer[]
  /** @throws TRANSFER_NOT_FOUND */
  get(id: string): Transfer
  live(id: string): Live | undefined
  /** @throws TRANSFER_NOT_FOUND, TRANSFER_STATE */
  pause(id: string): Promise<Transfer>
  resume(id: string): Promise<Transfer>
  cancel(id: string): Promise<Transfer>
  setPriority(id: string, priority: TransferPriority): Promise<Transfer>
  /** Bytes that unfinished transfers will bring. */
  promised(): number
  /** Since the start. */
  receivedBytes(): number
  /** Whether one of them writes into that folder. */
  writes(folder: string): boolean
  /** A verified piece that somebody else fetched, for the one that writes there. @returns whether it took it */
  offer(folder: string, path: string, index: number, bytes: Uint8Array): Promise<boolean>
  /** So much more of a file is in a folder into which none of them writes. */
  brought(folder: string, path: string, more: Amount): Promise<void>
  /** What comes from an island passes these. */
  limits(island: string): Rate[]
}

const BATCH_BYTES = 64 * 1024 * 1024
const RANK: Record<TransferPriority, number> = { high: 0, normal: 1, low: 2 }
/** Of measuring how fast a transfer is. */
const RATE_MS = 1_000
const NEWEST = 0.4

interface Running {
  stop: AbortController
  /** Why it was stopped; a stop of the island leaves it as it is. */
  become?: 'paused' | 'cancelled'
  ended: Promise<void>
  received: number
  perSecond: number
  sources: ReadonlyMap<string, Source>
  take?: TakePiece
}

export function transfers(init: TransfersInit, components: TransfersComponents): Transfers {
  const { store, shelf, journal, logger } = components
  const known = new Map<string, Transfer>()
  const running = new Map<string, Running>()
  const stopping = new AbortController()
  const down = rate(init.downBytesPerSecond)
  const downOf = rates(init.downBytesPerSecondPerIsland)
  let received = 0
  let up = false
  let timer: NodeJS.Timeout | undefined

  function get(id: string): Transfer {
    const found = known.get(id)
    if (found === undefined) throw new ArchipelError('TRANSFER_NOT_FOUND', `no transfer ${id.slice(0, 80)}`)
    return found
  }

  async function put(transfer: Transfer, replica?: (now: Replica | undefined) => Replica): Promise<Transfer> {
    const next = { ...transfer, updated: Date.now() }
    if (TRANSFER_ENDS.has(next.state)) next.ended ??= next.updated
    if (replica === undefined) await store.commit({ transfer: next })
    else await shelf.change(next.folder, replica, { transfer: next })
    known.set(next.id, next)
    return next
  }

  function next(): Transfer | undefined {
    const folders = new Set([...running.keys()].map((id) => get(id).folder))
    return [...known.values()]
      .filter((t) => waits(t.state) && !running.has(t.id) && !folders.has(t.folder))
      .sort((a, b) => RANK[a.priority] - RANK[b.priority] || a.created - b.created)[0]
  }

  function turn(): void {
    while (up && !stopping.signal.aborted && running.size < init.active) {
      const transfer = next()
      if (transfer === undefined) return
      begin(transfer)
    }
  }

  function begin({ id }: Transfer): void {
    const one: Running = {
      stop: new AbortController(),
      ended: Promise.resolve(),
      received: 0,
      perSecond: 0,
      sources: new Map(),
    }
    running.set(id, one)
    one.ended = run(id, one)
      .catch((error: unknown) =>
        logger.error({ err: error, transfer: id }, 'the state of a transfer could not be kept'),
      )
      .finally(() => {
        running.delete(id)
        turn()
      })
  }

  async function run(id: string, one: Running): Promise<void> {
    const signal = AbortSignal.any([stopping.signal, one.stop.signal])
    try {
      // Whoever writes there now ends first; who comes later sees that this one writes.
      await shelf.alone(get(id).folder, async () => {})
      const { problem: _, ...begun } = get(id)
      await put({ ...begun, state: 'transferring' }, there(id, busy('transferring')))
      await bring(id, one, signal)
      await finish(id, signal)
    } catch (cause) {
      await stopped(id, one, toArchipelError(cause))
    }
  }

  const gone = (id: string) => new ArchipelError('INTERNAL', `the replica of transfer ${id} is gone`)

  /** @throws INTERNAL where it is gone */
  const there = (id: string, next: (now: Replica) => Replica) => (now: Replica | undefined) => {
    if (now === undefined) throw gone(id)
    return next(now)
  }

  const replicaOf = (id: string): Replica => there(id, (now) => now)(shelf.get(get(id).folder))

  const change = (
    id: string,
    next: (now: Replica) => Replica,
    more?: { files: StoredFile[]; transfer: Transfer },
  ): Promise<void> => shelf.change(get(id).folder, there(id, next), more)

  async function bring(id: string, one: Running, signal: AbortSignal): Promise<void> {
    const { dataset, version, folder, globs } = get(id)
    let saving: Promise<void> = Promise.resolve()
    const save = (files: StoredFile[], done: Amount, shared = 0): Promise<void> => {
      saving = saving.then(async () => {
        const transfer = get(id)
        const next = { ...transfer, done: add(transfer.done, done), updated: Date.now() }
        await change(id, (now) => sharing(grown(now, files, done), shared), { files, transfer: next })
        known.set(id, { ...get(id), done: next.done, updated: next.updated })
      })
      return saving
    }
    await components.reuse(replicaOf(id), globs, (files, done) => save(files, done, done.bytes), signal)
    await runTransfer(
      {
        dataset,
        version,
        folder,
        files: replicaOf(id).total.files,
        globs,
        places: shelf.places(folder),
        batchBytes: BATCH_BYTES,
      },
      {
        block: shelf.block(folder),
        holders: (during) => components.holders(get(id), during),
        remote: (island) => components.remote(island, globs),
        limits,
        state: (path) => store.file(folder, path),
        save,
        table: (hash) => store.table(hash),
        keepTable: (hash, table) => store.putTable(hash, table),
        pieceTable: components.pieceTable,
        checkSpace: () => components.space.check(0),
        onBytes(island, bytes) {
          one.received += bytes
          received += bytes
          count(id, island, { bytes, bad: 0 })
        },
        onBad(island, path) {
          count(id, island, { bytes: 0, bad: 1 })
          tellBad({ journal, logger }, { island, dataset, path })
        },
        onProblem(error) {
          const { problem: _, ...rest } = get(id)
          known.set(id, error === undefined ? rest : { ...rest, problem: error.toInfo() })
        },
        onSources(sources) {
          one.sources = sources
        },
        onTake(take) {
          one.take = take
        },
      },
      signal,
    )
  }

  const limits = (island: string): Rate[] => limiting([down, downOf(island)])

  const writing = (folder: string): Running | undefined => {
    for (const [id, one] of running) if (get(id).folder === folder) return one
    return undefined
  }

  function count(id: string, island: string, more: { bytes: number; bad: number }): void {
    const transfer = get(id)
    const before = transfer.sources[island] ?? { bytes: 0, bad: 0 }
    const sum = { bytes: before.bytes + more.bytes, bad: before.bad + more.bad }
    known.set(id, { ...transfer, sources: { ...transfer.sources, [island]: sum } })
  }

  /** All that was asked for is durable: the files are looked at once more, in their places. */
  async function finish(id: string, signal: AbortSignal): Promise<void> {
    await put({ ...get(id), state: 'verifying' }, there(id, busy('verifying')))
    const seen = await shelf.look(get(id).folder)
    if (seen === undefined) throw new ArchipelError('INTERNAL', 'the replica is gone')
    const state = seen.held.files === seen.total.files ? 'available' : 'partial'
    if (state === 'partial' && get(id).globs.length === 0)
      throw new ArchipelError('BAD_DATA', 'files changed on the disk after they were verified', {
        hint: 'Check the disk with the replicas, then: archipel transfers resume <id>.',
      })
    const { globs } = get(id)
    await change(id, ({ damaged, ...good }) => {
      const all = state === 'available' || isDeepStrictEqual(globs, good.globs)
      return { ...good, ...(all || damaged === undefined ? {} : { damaged }), state }
    })
    await components.onWhole(get(id), signal)
    const { problem: _, ...rest } = get(id)
    await put({ ...rest, state })
    wrote(id, 'ok')
  }

  async function stopped(id: string, one: Running, error: ArchipelError): Promise<void> {
    if (stopping.signal.aborted && one.become === undefined) return
    const settled = there(id, (now) => ({ ...now, state: restingState(now) }))
    const { problem: _, ...rest } = get(id)
    if (one.become !== undefined) {
      await put({ ...rest, state: one.become }, settled)
      return
    }
    const full = error.code === 'DISK_FULL' || error.code === 'QUOTA_EXCEEDED'
    const { code, message, hint, retryable } = error
    logger.warn({ transfer: id, err: error }, full ? 'a transfer waits for room on the disk' : 'a transfer failed')
    await put({ ...rest, state: full ? 'paused' : 'failed', problem: { code, message, hint, retryable } }, settled)
    wrote(id, 'failed', code)
  }

  function wrote(id: string, outcome: 'ok' | 'failed', code?: string): void {
    const { user, dataset } = get(id)
    journal.write({
      actor: `${user}@${init.self}`,
      action: 'replica:get',
      subject: dataset,
      outcome,
      ...(code === undefined ? {} : { code }),
    })
  }

  async function halt(id: string, become: 'paused' | 'cancelled'): Promise<Transfer> {
    const transfer = get(id)
    if (TRANSFER_ENDS.has(transfer.state)) {
      if (transfer.state === become) return transfer
      throw new ArchipelError('TRANSFER_STATE', `the transfer has ended: it is ${transfer.state}`)
    }
    const one = running.get(id)
    if (one !== undefined) {
      one.become = become
      one.stop.abort()
      await one.ended
      // It may have ended just before.
      if (TRANSFER_ENDS.has(get(id).state)) return get(id)
    }
    if (get(id).state === become) return get(id)
    const { problem: _, ...rest } = get(id)
    return await put({ ...rest, state: become })
  }

  return {
    async start() {
      for (const transfer of await store.transfers()) known.set(transfer.id, transfer)
    },
    resumeAll() {
      up = true
      timer = setInterval(() => {
        for (const one of running.values()) {
          one.perSecond = one.perSecond * (1 - NEWEST) + (one.received * 1000 * NEWEST) / RATE_MS
          one.received = 0
        }
      }, RATE_MS)
      turn()
    },
    async stop() {
      clearInterval(timer)
      stopping.abort()
      await Promise.all([...running.values()].map((one) => one.ended))
    },
    async add(transfer, replica) {
      await put(transfer, replica)
      const ended = [...known.values()].filter((t) => TRANSFER_ENDS.has(t.state)).sort((a, b) => a.updated - b.updated)
      for (const { id } of ended.slice(0, Math.max(0, ended.length - init.kept))) {
        known.delete(id)
        await store.forgetTransfer(id)
      }
      turn()
    },
    all: () => [...known.values()],
    get,
    live(id) {
      const one = running.get(id)
      if (one === undefined) return undefined
      const sources = [...one.sources].map(([island, s]) => ({
        island,
        bytesPerSecond: s.bytesPerSecond(),
        carrier: s.carrier(),
      }))
      return { bytesPerSecond: one.perSecond, sources }
    },
    pause: (id) => halt(id, 'paused'),
    cancel: (id) => halt(id, 'cancelled'),
    async resume(id) {
      const next = await shelf.alone(get(id).folder, async () => {
        const transfer = get(id)
        if (transfer.state !== 'paused' && transfer.state !== 'failed') {
          if (!TRANSFER_ENDS.has(transfer.state)) return transfer
          throw new ArchipelError('TRANSFER_STATE', `the transfer has ended: it is ${transfer.state}`)
        }
        if (shelf.asked(transfer.folder) === undefined)
          throw new ArchipelError('TRANSFER_STATE', 'what it had brought was dropped', {
            hint: 'Ask for the dataset again: archipel get <id>.',
          })
        const more = transfer.wanted.bytes - transfer.done.bytes
        await components.space.check(more, transfer.state === 'paused' ? more : 0)
        const { problem: _, ended: __, ...rest } = transfer
        return await put({ ...rest, state: 'requested' })
      })
      turn()
      return next
    },
    setPriority: async (id, priority) => {
      const transfer = get(id)
      if (TRANSFER_ENDS.has(transfer.state))
        throw new ArchipelError('TRANSFER_STATE', `the transfer has ended: it is ${transfer.state}`)
      return await put({ ...transfer, priority })
    },
    promised: () =>
      [...known.values()]
        .filter((t) => waits(t.state) || t.state === 'paused')
        .reduce((sum, t) => sum + Math.max(0, t.wanted.bytes - t.done.bytes), 0),
    receivedBytes: () => received,
    writes: (folder) => writing(folder) !== undefined,
    offer: async (folder, path, index, bytes) => (await writing(folder)?.take?.(path, index, bytes)) ?? false,
    async brought(folder, path, more) {
      for (const transfer of [...known.values()])
        if (transfer.folder === folder && !TRANSFER_ENDS.has(transfer.state) && matches(transfer.globs, path))
          await put({ ...get(transfer.id), done: add(get(transfer.id).done, more) })
    },
    limits,
  }
}

const add = (a: Amount, b: Amount): Amount => ({ files: a.files + b.files, bytes: a.bytes + b.bytes })

/** To be taken up: nobody has to say anything for it to go on. */
const waits = (state: TransferState) => state === 'requested' || state === 'transferring' || state === 'verifying'

/** One that is whole stays so whatever is asked of it; one that is repaired says what is left of it. */
const busy = (state: 'transferring' | 'verifying') => (replica: Replica) =>
  replica.state === 'available' || replica.damaged !== undefined ? replica : { ...replica, state }

const sharing = (replica: Replica, more: number): Replica =>
  more === 0 ? replica : { ...replica, shared: (replica.shared ?? 0) + more }

/** What a replica is while nothing happens to it. */
export function restingState({ held, total }: Replica): 'available' | 'partial' | 'failed' {
  return held.files === total.files ? 'available' : held.files > 0 ? 'partial' : 'failed'
}
