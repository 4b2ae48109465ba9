import { ArchipelError, errorFromInfo } from '../model/errors.ts'
import type { CallOptions, StreamOpener } from './client.ts'
import { checked, frames } from './frames.ts'
import { type LinkFrame, type LinkSpec, linkSender, pulse } from './link.ts'
import { protocolId } from './spec.ts'

export interface Link<Request, Item> {
  /** @throws whatever the other side answered, DEADLINE, CANCELLED, UNREACHABLE when the link ends before the answer, PROTOCOL */
  call(request: Request, options?: CallOptions): Promise<Item>
  /** Settles when the link is over, with why. Never rejects. */
  readonly ended: Promise<ArchipelError>
  close(): void
}

interface Waiting {
  resolve(item: unknown): void
  reject(error: unknown): void
}

/** Opens a link. @throws UNREACHABLE, NOT_A_MEMBER, CANCELLED */
export async function openLink<Request, Item, Push>(
  net: StreamOpener,
  peerId: string,
  spec: LinkSpec<Request, Item, Push>,
  onPush: (push: Push) => void,
  options: { signal: AbortSignal },
): Promise<Link<Request, Item>> {
  const stream = await net.openStream(peerId, protocolId(net.archipelagoId, spec), {
    signal: options.signal,
    strangers: false,
  })
  const io = frames(stream, spec.maxFrameBytes)
  const over = Promise.withResolvers<ArchipelError>()
  const controller = new AbortController()
  const waiting = new Map<number, Waiting>()
  const who = net.nameOf?.(peerId) ?? peerId.slice(-8)
  let lastId = 0
  let ended = false

  function end(reason: unknown): void {
    if (ended) return
    ended = true
    const error =
      reason instanceof ArchipelError
        ? reason
        : new ArchipelError('UNREACHABLE', `${spec.name} at ${who}: the connection failed`, { cause: reason })
    beats.stop()
    controller.abort(error)
    stream.abort(error)
    for (const [, call] of waiting)
      call.reject(new ArchipelError('UNREACHABLE', `${spec.name} at ${who}: ${error.message}`, { cause: error }))
    waiting.clear()
    over.resolve(error)
  }

  const sender = linkSender(io, spec, end)
  const beats = pulse(spec, sender, end)
  stream.addEventListener('close', () => end(new ArchipelError('UNREACHABLE', 'the link was closed')))

  function take(frame: LinkFrame): void {
    if (frame.push !== undefined) onPush(checked(spec.push, frame.push, spec.name))
    else if (typeof frame.id === 'number') settle(frame.id, frame)
  }

  function settle(id: number, { item, error }: LinkFrame): void {
    const call = waiting.get(id)
    if (call === undefined) return
    waiting.delete(id)
    try {
      if (typeof error === 'object' && error !== null) throw errorFromInfo(error)
      call.resolve(checked(spec.item, item, spec.name))
    } catch (cause) {
      call.reject(cause)
    }
  }

  async function listen(): Promise<void> {
    try {
      while (!ended) {
        const frame = (await io.read(controller.signal)) as LinkFrame | null
        beats.heard()
        if (typeof frame === 'object' && frame !== null) take(frame)
      }
    } catch (error) {
      end(error)
    }
  }
  void listen()

  return {
    ended: over.promise,
    close: () => end(new ArchipelError('CANCELLED', 'the link is not needed any more')),
    async call(request, { signal, timeoutMs = spec.timeoutMs } = {}) {
      if (ended) throw await over.promise
      if (signal?.aborted) throw new ArchipelError('CANCELLED', `${spec.name} at ${who}: cancelled`)
      const id = ++lastId
      const answer = Promise.withResolvers<unknown>()
      waiting.set(id, answer)
      const giveUp = (error: ArchipelError) => {
        if (!waiting.delete(id)) return
        sender.send({ cancel: id })
        answer.reject(error)
      }
      const late = () =>
        giveUp(new ArchipelError('DEADLINE', `${spec.name} at ${who}: no answer within ${timeoutMs} ms`))
      const cancelled = () => giveUp(new ArchipelError('CANCELLED', `${spec.name} at ${who}: cancelled`))
      const timer = setTimeout(late, timeoutMs)
      signal?.addEventListener('abort', cancelled, { once: true })
      try {
        sender.send({ id, request })
        return (await answer.promise) as Item
      } finally {
        clearTimeout(timer)
        signal?.removeEventListener('abort', cancelled)
      }
    },
  }
}
