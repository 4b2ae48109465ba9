import type { Logger } from 'pino'
import { ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import { cutter } from '../../../protocols/transfer/cut.ts'
import {
  type FileRange,
  type HaveAnswer,
  haveSpec,
  MAX_REQUEST_BYTES,
  RANGE_CHUNK_BYTES,
  type RangeItem,
  type RangesRequest,
  rangesSpec,
  type TableItem,
  tablesSpec,
} from '../../../protocols/transfer/messages.ts'
import { type HandlerContext, type StreamAcceptor, serve } from '../../../protocols/wire/server.ts'
import type { PolicyPort } from '../../policy/policy.ts'
import type { SourceFile } from '../../publish/port.ts'
import { type OutsideFiles, readSource } from '../identity.ts'
import { type Rate, rate, rates } from '../rate.ts'
import type { HeldFiles, HeldVersion, Pinned } from './port.ts'

export interface ProviderInit {
  /** Bytes a second to all islands together, and to one of them; 0: no limit. */
  upBytesPerSecond: number
  upBytesPerSecondPerIsland: number
}

export interface ProviderComponents {
  network: StreamAcceptor
  held: HeldFiles
  policy: PolicyPort
  /** Data outside of all islands: given as if they were here. */
  outside?: OutsideFiles
  logger: Logger
}

/** Who asks, by whatever carrier. */
export interface Asker {
  island: string
  signal: AbortSignal
  /** Items that are in use at a time: the bytes of an earlier one are overwritten. */
  inUse: number
}

export interface Provider {
  start(options: { stopping: AbortSignal }): Promise<void>
  /** @throws FORBIDDEN */
  check(pinned: Pinned, island: string): void
  /** @throws FORBIDDEN, DATASET_NOT_FOUND, NOT_FOUND, BAD_RANGE, TOO_LARGE, STALE */
  ranges(request: RangesRequest, asker: Asker): AsyncGenerator<RangeItem>
  /** Bytes sent since the start. */
  sentBytes(): number
}

/** Milliseconds that a request waits for a piece table that has to be hashed, and then comes again after. */
const TABLE_WAIT_MS = 8_000
const TABLE_AGAIN_MS = 2_000

/** The ranges from this one on that are one piece of the file: read as one, so that it is opened once. */
function runAt(ranges: readonly FileRange[], first: number, size: number): FileRange[] {
  const { path, offset, length } = ranges[first]!
  let end = offset + length
  let last = first + 1
  for (; last < ranges.length; last++) {
    const next = ranges[last]!
    if (next.path !== path || next.offset !== end || end + next.length > size) break
    end += next.length
  }
  return ranges.slice(first, last)
}

/** The serving side of transfers. Reads on the thread pool, at most 1 MiB for each request under way. */
export function provider(init: ProviderInit, { network, held, policy, outside, logger }: ProviderComponents): Provider {
  const all = rate(init.upBytesPerSecond)
  const perIsland = rates(init.upBytesPerSecondPerIsland)
  const making = new Map<string, Promise<Uint8Array>>()
  let sent = 0

  /** @throws DATASET_NOT_FOUND */
  async function versionOf(pinned: Pinned): Promise<HeldVersion> {
    const version = await held.open(pinned)
    if (version === undefined)
      throw new ArchipelError('DATASET_NOT_FOUND', `this island does not hold that version of ${pinned.dataset}`)
    return version
  }

  function check(pinned: Pinned, island: string): void {
    policy.check({ island, user: '', action: 'dataset:fetch', datasets: [pinned.dataset] })
  }

  const islandOf = ({ remote }: HandlerContext) => remote.island ?? ''

  function fileOf(version: HeldVersion, { path, offset, length }: FileRange): SourceFile {
    const file = version.file(path)
    if (file === undefined)
      throw new ArchipelError('NOT_FOUND', `this island does not hold ${JSON.stringify(path)}`, { details: { path } })
    if (!Number.isSafeInteger(offset + length) || offset + length > file.size)
      throw new ArchipelError('BAD_RANGE', `${JSON.stringify(path)} has ${file.size} bytes`, { details: { path } })
    return file
  }

  async function* ranges(request: RangesRequest, asker: Asker): AsyncGenerator<RangeItem> {
    check(request, asker.island)
    const limits = [all, perIsland(asker.island)]
    const version = await versionOf(request)
    if (request.ranges.reduce((sum, { length }) => sum + length, 0) > MAX_REQUEST_BYTES)
      throw new ArchipelError('TOO_LARGE', `a request is for at most ${MAX_REQUEST_BYTES} bytes`)
    for (let first = 0; first < request.ranges.length; ) {
      const file = fileOf(version, request.ranges[first]!)
      const run = runAt(request.ranges, first, file.size)
      try {
        for await (const item of chunks(run, file, limits, asker)) {
          item.range += first
          yield item
        }
        first += run.length
      } catch (cause) {
        const error = toArchipelError(cause)
        if (error.code === 'STALE') await lookAgain(request, error)
        throw error
      }
    }
  }

  async function* chunks(
    run: readonly FileRange[],
    file: SourceFile,
    limits: Rate[],
    { signal, inUse }: Asker,
  ): AsyncGenerator<RangeItem> {
    const [{ offset }] = run as [FileRange]
    const length = run.reduce((sum, range) => sum + range.length, 0)
    const cut = cutter(run)
    for await (const bytes of readSource(outside, file, { offset, length }, { signal, buffers: inUse })) {
      for (let at = 0; at < bytes.length; at += RANGE_CHUNK_BYTES) {
        const chunk = bytes.subarray(at, at + RANGE_CHUNK_BYTES)
        for (const limit of limits) await limit.pass(chunk.length, signal)
        sent += chunk.length
        yield* cut(chunk)
      }
    }
  }

  /** A file whose times moved may have the same bytes: then it is served again after this. */
  async function lookAgain(pinned: Pinned, error: ArchipelError): Promise<void> {
    logger.warn({ dataset: pinned.dataset, err: error }, 'a file that others fetch is not what it was')
    await held.look(pinned).catch((err: unknown) => logger.error({ err }, 'a dataset could not be looked at'))
  }

  /** @throws TOO_MANY while it is still being hashed */
  async function table(pinned: Pinned, path: string): Promise<Uint8Array> {
    const key = `${pinned.version} ${pinned.dataset} ${path}`
    let made = making.get(key)
    if (made === undefined) {
      made = held.table(pinned, path)
      making.set(key, made)
      made.catch(() => {}).finally(() => making.delete(key))
    }
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(
      () =>
        late.reject(
          new ArchipelError('TOO_MANY', `${JSON.stringify(path)} is being hashed`, {
            details: { path, afterMs: TABLE_AGAIN_MS },
          }),
        ),
      TABLE_WAIT_MS,
    )
    try {
      return await Promise.race([made, late.promise])
    } finally {
      clearTimeout(timer)
    }
  }

  return {
    check,
    ranges,
    async start(options) {
      // An item has been encoded, and so copied, before the next one is asked for.
      const stream = (request: RangesRequest, context: HandlerContext) =>
        ranges(request, { island: islandOf(context), signal: context.signal, inUse: 1 })
      await serve(network, rangesSpec, stream, options)
      await serve(
        network,
        haveSpec,
        async (request, context): Promise<HaveAnswer> => {
          check(request, islandOf(context))
          const { files, bits } = await versionOf(request)
          return bits === undefined ? { files } : { files, bits }
        },
        options,
      )
      async function* tables(
        request: Pinned & { paths: string[] },
        context: HandlerContext,
      ): AsyncGenerator<TableItem> {
        check(request, islandOf(context))
        await versionOf(request)
        for (const [number, path] of request.paths.entries()) yield { path: number, table: await table(request, path) }
      }
      await serve(network, tablesSpec, (request, context) => tables(request, context), options)
    },
    sentBytes: () => sent,
  }
}
