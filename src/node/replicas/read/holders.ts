/** One piece of a file from whoever gives it: the holders are asked one after the other. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { FileEntry } from '../../../protocols/manifest/messages.ts'
import { pieceCount, pieceRange } from '../../../protocols/manifest/pieces.ts'
import { ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import type { Rate } from '../rate.ts'
import type { RemoteHolder } from '../run/port.ts'
import { isTable } from '../run/source.ts'
import { isPiece } from '../run/writer.ts'
import type { Pinned } from '../serve/port.ts'
import { type Gate, gate } from './gate.ts'

/** A file that is read, with the islands that may have it. */
export interface Remote extends Pinned {
  entry: FileEntry
  /** Best first. */
  holders(): string[]
  /** Looks for holders anew. @returns best first */
  again(signal: AbortSignal): Promise<string[]>
}

export interface HoldersComponents {
  remote(island: string): RemoteHolder
  limits(island: string): Rate[]
  nameOf(island: string): string
  table(hash: string): Promise<Uint8Array | undefined>
  keepTable(hash: string, table: Uint8Array): Promise<void>
  onBytes(bytes: number): void
  onBad(island: string, file: Remote): void
}

/** Milliseconds without a byte after which the next holder is asked. */
const STALL_MS = 8_000
/** Milliseconds for which a holder that says "later" is waited for. */
const PATIENCE_MS = 60_000
const LATER_MS = 1_000
/** Requests under way at one island, which gives eight to each at a time: transfers need some. */
const AT_ONE_ISLAND = 4
/** Milliseconds for which a holder that sent other bytes is not asked for that file. */
const BAN_MS = 10 * 60_000
const MAX_BANS = 1_000

/** @throws NO_HOLDER with the islands and their reasons, BAD_DATA when all that gave something gave other bytes */
export type FetchPiece = (file: Remote, index: number, signal: AbortSignal) => Promise<Buffer>

export function pieceFetcher(components: HoldersComponents): FetchPiece {
  const gates = new Map<string, Gate>()
  /** Version, path and island -> until when. */
  const bans = new Map<string, number>()
  const keyOf = (file: Remote, island: string) => `${file.version} ${file.entry.path} ${island}`
  const isBanned = (file: Remote, island: string) => (bans.get(keyOf(file, island)) ?? 0) > performance.now()

  function ban(file: Remote, island: string): ArchipelError {
    bans.set(keyOf(file, island), performance.now() + BAN_MS)
    if (bans.size > MAX_BANS) bans.delete(bans.keys().next().value!)
    components.onBad(island, file)
    return bad(file)
  }

  function gateOf(island: string): Gate {
    const known = gates.get(island) ?? gate(AT_ONE_ISLAND)
    gates.set(island, known)
    return known
  }

  async function tableOf(file: Remote, island: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const { entry, dataset, version } = file
    if (pieceCount(entry.size) < 2) return undefined
    const name = Buffer.from(entry.pieces).toString('hex')
    const known = await components.table(name)
    if (known !== undefined) return known
    for await (const { table } of components.remote(island).tables({ dataset, version, paths: [entry.path] }, signal)) {
      if (!isTable(entry, table)) throw ban(file, island)
      await components.keepTable(name, table)
      return table
    }
    throw new ArchipelError('PROTOCOL', 'no table of pieces, which was asked for')
  }

  async function from(island: string, file: Remote, index: number, outer: AbortSignal): Promise<Buffer> {
    const { dataset, version, entry } = file
    const leave = await gateOf(island).enter(1, outer)
    const stalled = new AbortController()
    const signal = AbortSignal.any([outer, stalled.signal])
    const late = () => stalled.abort(new ArchipelError('DEADLINE', 'it sends nothing'))
    let timer = setTimeout(late, STALL_MS)
    const alive = () => {
      clearTimeout(timer)
      timer = setTimeout(late, STALL_MS)
    }
    try {
      const table = await tableOf(file, island, signal)
      const { offset, length } = pieceRange(entry.size, index)
      const bytes = Buffer.allocUnsafeSlow(length)
      let got = 0
      const ranges = [{ path: entry.path, offset, length }]
      for await (const item of components.remote(island).ranges({ dataset, version, ranges }, signal)) {
        if (item.range !== 0 || got + item.bytes.length > length) throw ban(file, island)
        bytes.set(item.bytes, got)
        got += item.bytes.length
        // How long the own limit takes is not the fault of who sends.
        clearTimeout(timer)
        for (const limit of components.limits(island)) await limit.pass(item.bytes.length, outer)
        alive()
      }
      if (got < length || !(await isPiece(entry, table, index, bytes))) throw ban(file, island)
      components.onBytes(length)
      return bytes
    } catch (cause) {
      throw stalled.signal.aborted && !outer.aborted ? stalled.signal.reason : cause
    } finally {
      clearTimeout(timer)
      leave()
    }
  }

  return async (file, index, signal) => {
    const until = performance.now() + PATIENCE_MS
    let holders = file.holders()
    let looked = false
    for (;;) {
      const failed = new Map<string, ArchipelError>()
      let laterMs: number | undefined
      for (const island of holders) {
        signal.throwIfAborted()
        if (isBanned(file, island)) {
          failed.set(island, bad(file))
          continue
        }
        try {
          return await from(island, file, index, signal)
        } catch (cause) {
          if (signal.aborted) throw cause
          const error = toArchipelError(cause)
          failed.set(island, error)
          if (error.code === 'TOO_MANY') laterMs = afterMs(error)
        }
      }
      if (!looked) {
        looked = true
        holders = await file.again(signal)
      } else if (laterMs !== undefined && performance.now() + laterMs < until) {
        await sleep(laterMs, undefined, { signal })
      } else throw nobody(file, failed)
    }
  }

  function nobody(file: Remote, failed: ReadonlyMap<string, ArchipelError>): ArchipelError {
    if (failed.size > 0 && [...failed.values()].every(({ code }) => code === 'BAD_DATA')) return bad(file)
    const islands = [...failed].map(([island, { message }]) => ({
      island,
      name: components.nameOf(island),
      reason: message,
    }))
    const where = islands.map(({ name, reason }) => `${name} (${reason})`).join(', ')
    return new ArchipelError(
      'NO_HOLDER',
      `no island gives ${JSON.stringify(file.entry.path)} now: ${where || 'none has it'}`,
      {
        details: { islands },
      },
    )
  }
}

const bad = ({ entry }: Remote) =>
  new ArchipelError('BAD_DATA', `what holders sent of ${JSON.stringify(entry.path)} is not that file`, {
    hint: 'No holder sends what the manifest says; `archipel verify` at the holder finds bad files.',
  })

function afterMs({ details }: ArchipelError): number {
  const said = details?.afterMs
  return typeof said === 'number' && said > 0 ? Math.min(said, PATIENCE_MS) : LATER_MS
}
