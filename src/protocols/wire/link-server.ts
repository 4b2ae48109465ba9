import type { Stream } from '@libp2p/interface'
import { ArchipelError, toArchipelError } from '../model/errors.ts'
import { checked, frames } from './frames.ts'
import { type LinkFrame, type LinkSpec, linkSender, pulse } from './link.ts'
import { type Quotas, quotas } from './quota.ts'
import type { Remote, StreamAcceptor } from './server.ts'
import { protocolId } from './spec.ts'

/** What one asker does with its link. */
export interface LinkHandler<Request, Item> {
  /** The signal aborts when the asker cancels, and when the link ends. */
  answer(request: Request, options: { signal: AbortSignal }): Promise<Item>
  /** The link is over. */
  ended(): void
}

/** Serves links: `accept` is called for each, with what tells its asker of things. */
export async function serveLink<Request, Item, Push>(
  net: StreamAcceptor,
  spec: LinkSpec<Request, Item, Push>,
  accept: (remote: Remote, push: (push: Push) => void) => LinkHandler<Request, Item>,
  options: { stopping: AbortSignal },
): Promise<void> {
  const limits = quotas(spec.quota)
  await net.handleStream(
    protocolId(net.archipelagoId, spec),
    (stream, remote) => hold(stream, remote, spec, accept, limits, options.stopping),
    { strangers: false, maxInboundStreams: spec.quota.links },
  )
}

async function hold<Request, Item, Push>(
  stream: Stream,
  remote: Remote,
  spec: LinkSpec<Request, Item, Push>,
  accept: (remote: Remote, push: (push: Push) => void) => LinkHandler<Request, Item>,
  limits: Quotas,
  stopping: AbortSignal,
): Promise<void> {
  const controller = new AbortController()
  const running = new Map<number, AbortController>()
  const end = (reason: unknown) => {
    if (!controller.signal.aborted) controller.abort(toArchipelError(reason))
  }
  const stopped = () => end(new ArchipelError('CANCELLED', 'the island stops'))
  stopping.addEventListener('abort', stopped, { once: true })
  const io = frames(stream, spec.maxFrameBytes)
  const sender = linkSender(io, spec, end)
  const beats = pulse(spec, sender, end)
  stream.addEventListener('close', () => end(new ArchipelError('UNREACHABLE', 'the link was closed')))
  const handler = accept(remote, (push) => {
    if (!controller.signal.aborted) sender.send({ push })
  })

  async function answer(id: number, asked: unknown): Promise<void> {
    const call = new AbortController()
    let release: (() => void) | undefined
    try {
      release = limits.enter(remote.peerId)
      running.set(id, call)
      const request = checked(spec.request, asked, spec.name)
      const signal = AbortSignal.any([call.signal, controller.signal])
      const item = await handler.answer(request, { signal })
      if (!controller.signal.aborted) sender.send({ id, item })
    } catch (cause) {
      if (!controller.signal.aborted) sender.send({ id, error: toArchipelError(cause).toInfo() })
    } finally {
      release?.()
      running.delete(id)
    }
  }

  function take(frame: LinkFrame): void {
    if (typeof frame.cancel === 'number')
      running.get(frame.cancel)?.abort(new ArchipelError('CANCELLED', 'the asker cancelled'))
    else if (typeof frame.id === 'number' && frame.request !== undefined && !running.has(frame.id))
      void answer(frame.id, frame.request)
    else if (frame.beat !== true) throw new ArchipelError('PROTOCOL', `${spec.name}: a frame that is none of a link`)
  }

  try {
    while (!controller.signal.aborted) {
      const frame = (await io.read(controller.signal)) as LinkFrame | null
      beats.heard()
      take(typeof frame === 'object' && frame !== null ? frame : {})
    }
  } catch (error) {
    end(error)
  } finally {
    beats.stop()
    stopping.removeEventListener('abort', stopped)
    handler.ended()
    stream.abort(toArchipelError(controller.signal.reason))
  }
}
