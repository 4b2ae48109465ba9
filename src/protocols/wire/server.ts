import type { Stream } from '@libp2p/interface'
import { ArchipelError, toArchipelError } from '../model/errors.ts'
import { checked, type FrameStream, frames, LINGER_MS, linger } from './frames.ts'
import { type Quotas, quotas } from './quota.ts'
import { type ProtocolSpec, protocolId } from './spec.ts'

/** Who asks. `island` is set for members only. */
export interface Remote {
  peerId: string
  island: string | undefined
  /** The multiaddr the connection comes from. */
  address: string
}

export interface HandlerContext {
  remote: Remote
  /** Aborts when the asker closes its stream, the connection is lost, or the island stops. */
  signal: AbortSignal
}

/** What a handler needs of the network: to be called for each stream of a protocol that admission lets through. */
export interface StreamAcceptor {
  archipelagoId: string
  handleStream(
    protocol: string,
    handler: (stream: Stream, remote: Remote) => Promise<void>,
    options: { strangers: boolean; maxInboundStreams: number },
  ): Promise<void>
}

/** Serves one protocol. The handler answers with one item, or with a series of them. */
export async function serve<Request, Item>(
  net: StreamAcceptor,
  spec: ProtocolSpec<Request, Item>,
  handler: (request: Request, context: HandlerContext) => Promise<Item> | AsyncIterable<Item>,
  options: { stopping: AbortSignal; onRefused?: (remote: Remote, error: ArchipelError) => void },
): Promise<void> {
  const limits: Quotas = quotas(spec.quota)
  await net.handleStream(
    protocolId(net.archipelagoId, spec),
    async (stream, remote) => {
      await answer(stream, remote, spec, handler, limits, options)
    },
    { strangers: spec.strangers, maxInboundStreams: spec.quota.concurrent * 2 },
  )
}

async function answer<Request, Item>(
  stream: Stream,
  remote: Remote,
  spec: ProtocolSpec<Request, Item>,
  handler: (request: Request, context: HandlerContext) => Promise<Item> | AsyncIterable<Item>,
  limits: Quotas,
  options: { stopping: AbortSignal; onRefused?: (remote: Remote, error: ArchipelError) => void },
): Promise<void> {
  const controller = new AbortController()
  const gone = () => controller.abort(new ArchipelError('CANCELLED', 'the asker closed the stream'))
  stream.addEventListener('close', gone)
  if (stream.status !== 'open') gone()
  const signal = AbortSignal.any([controller.signal, options.stopping])
  const timed = () => AbortSignal.any([signal, AbortSignal.timeout(spec.timeoutMs)])
  const io = frames(stream, spec.maxRequestBytes)
  let release: (() => void) | undefined
  try {
    release = limits.enter(remote.peerId)
    const request = checked(spec.request, await readRequest(io, timed()), spec.name)
    const result = handler(request, { remote, signal })
    if (Symbol.asyncIterator in result) {
      for await (const item of result) await io.write({ item }, timed())
      await io.write({ end: true }, timed())
    } else {
      await io.write({ item: await result }, timed())
    }
    await io.closeWrite(AbortSignal.timeout(LINGER_MS))
  } catch (cause) {
    const error = toArchipelError(cause)
    options.onRefused?.(remote, error)
    try {
      await io.write({ error: error.toInfo() }, AbortSignal.timeout(LINGER_MS))
      await io.closeWrite(AbortSignal.timeout(LINGER_MS))
    } catch {
      io.abort(error)
    }
  } finally {
    release?.()
    stream.removeEventListener('close', gone)
    controller.abort(new ArchipelError('CANCELLED', 'answered'))
    linger(stream)
  }
}

async function readRequest(io: FrameStream, signal: AbortSignal): Promise<unknown> {
  try {
    return await io.read(signal)
  } catch (error) {
    if (error instanceof ArchipelError && error.code === 'UNREACHABLE')
      throw new ArchipelError('PROTOCOL', 'the request ended before it was complete', { cause: error })
    throw error
  }
}
