import { BLOCK_CHUNK_BYTES, type BlockRequest, blockSpec } from '../../protocols/manifest/block.ts'
import { blockHash, MAX_ROOT_BYTES } from '../../protocols/manifest/messages.ts'
import { ArchipelError, toArchipelError } from '../../protocols/model/errors.ts'
import { callSeries, type StreamOpener } from '../../protocols/wire/client.ts'
import { type StreamAcceptor, serve } from '../../protocols/wire/server.ts'
import type { Block } from './files.ts'

/** A block that this island has of a dataset that it publishes. */
export type OwnBlock = (request: BlockRequest) => Promise<Uint8Array | undefined>

/** Shows the manifests of this island to members. */
export async function serveBlocks(
  net: StreamAcceptor,
  own: OwnBlock,
  options: { stopping: AbortSignal },
): Promise<void> {
  async function* chunks(request: BlockRequest): AsyncGenerator<{ bytes: Uint8Array }> {
    const bytes = await own(request)
    if (bytes === undefined)
      throw new ArchipelError('DATASET_NOT_FOUND', `this island does not hold that version of ${request.dataset}`)
    for (let at = 0; at < bytes.byteLength; at += BLOCK_CHUNK_BYTES)
      yield { bytes: bytes.subarray(at, at + BLOCK_CHUNK_BYTES) }
  }
  await serve(net, blockSpec, (request) => chunks(request), options)
}

export interface BlocksComponents {
  self: string
  network: StreamOpener
  own: OwnBlock
  connect(island: string, options: { signal: AbortSignal }): Promise<string>
  nameOf(island: string): string
}

/** Bytes of blocks of others that are remembered: the next page of a list needs the same root. */
const MAX_KEPT_BYTES = 32 * 1024 * 1024
/** Milliseconds for one holder. */
const ASK_MS = 10_000

/** Blocks of manifests, from here or from who holds the dataset. A block is named by its content, so that nobody has to be believed. */
export function blocks({ self, network, own, connect, nameOf }: BlocksComponents) {
  const kept = new Map<string, Uint8Array>()
  let keptBytes = 0

  function keep(hash: string, bytes: Uint8Array): void {
    if (kept.has(hash)) return
    kept.set(hash, bytes)
    keptBytes += bytes.byteLength
    for (const [oldest, { byteLength }] of kept) {
      if (keptBytes <= MAX_KEPT_BYTES) break
      kept.delete(oldest)
      keptBytes -= byteLength
    }
  }

  async function ask(island: string, request: BlockRequest, outer: AbortSignal): Promise<Uint8Array> {
    const signal = AbortSignal.any([outer, AbortSignal.timeout(ASK_MS)])
    const peerId = await connect(island, { signal })
    const parts: Uint8Array[] = []
    let size = 0
    for await (const { bytes } of callSeries(network, peerId, blockSpec, request, { signal })) {
      size += bytes.byteLength
      if (size > MAX_ROOT_BYTES) break
      parts.push(bytes)
    }
    const bytes = Buffer.concat(parts)
    if (blockHash(bytes) !== request.block)
      throw new ArchipelError('PROTOCOL', `${nameOf(island)} sent other bytes than those asked for`)
    return bytes
  }

  /**
   * @throws NO_HOLDER, with the islands that hold it and why each did not answer, where no block can be had; CANCELLED
   */
  return (dataset: string, version: string, holders: readonly string[], signal: AbortSignal): Block =>
    async (hash) => {
      const known = kept.get(hash)
      if (known !== undefined) return known
      const request = { dataset, version, block: hash }
      const here = await own(request)
      if (here !== undefined) return here
      const islands: { island: string; name: string; reason: string }[] = []
      for (const island of holders) {
        if (island === self) continue
        try {
          const bytes = await ask(island, request, signal)
          keep(hash, bytes)
          return bytes
        } catch (cause) {
          if (signal.aborted) throw cause
          islands.push({ island, name: nameOf(island), reason: toArchipelError(cause).message })
        }
      }
      const where = islands.map(({ name, reason }) => `${name} (${reason})`).join(', ')
      throw new ArchipelError('NO_HOLDER', `the list of its files is at ${where || 'no island'}`, {
        details: { islands },
      })
    }
}
