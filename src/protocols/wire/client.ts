import type { Stream } from '@libp2p/interface'
import { ArchipelError } from '../model/errors.ts'
import { answerOf, checked, type FrameStream, frames, linger } from './frames.ts'
import { type ProtocolSpec, protocolId } from './spec.ts'

/** What a client needs of the network: one new stream to a peer. */
export interface StreamOpener {
  archipelagoId: string
  /** What people call a peer, for messages; the end of its id where it is not there. */
  nameOf?(peerId: string): string
  /** To a member; with `strangers` to anybody. @throws UNREACHABLE, NOT_A_MEMBER */
  openStream(peerId: string, protocol: string, options: { signal: AbortSignal; strangers: boolean }): Promise<Stream>
}

export interface CallOptions {
  signal?: AbortSignal
  /** Milliseconds, instead of the protocol's. */
  timeoutMs?: number
}

/** One request, one answer. @throws whatever the other side answered, DEADLINE, UNREACHABLE, PROTOCOL, CANCELLED */
export async function call<Request, Item>(
  net: StreamOpener,
  peerId: string,
  spec: ProtocolSpec<Request, Item>,
  request: Request,
  options: CallOptions = {},
): Promise<Item> {
  for await (const item of callSeries(net, peerId, spec, request, options)) return item
  throw new ArchipelError('PROTOCOL', `${spec.name}: an answer without an item`)
}

/** One request, many items. The caller leaving the loop, or aborting, cancels the work at the other side. */
export async function* callSeries<Request, Item>(
  net: StreamOpener,
  peerId: string,
  spec: ProtocolSpec<Request, Item>,
  request: Request,
  options: CallOptions = {},
): AsyncGenerator<Item> {
  const timeoutMs = options.timeoutMs ?? spec.timeoutMs
  const deadline = idleTimer(timeoutMs, options.signal)
  let stream: Stream | undefined
  let finished = false
  try {
    const { signal } = deadline
    stream = await net.openStream(peerId, protocolId(net.archipelagoId, spec), { signal, strangers: spec.strangers })
    const io = frames(stream, spec.maxItemBytes + 1024, { views: spec.views === true })
    await ask(io, request, signal)
    for (let count = 0; ; count++) {
      signal.throwIfAborted()
      const answer = answerOf(await io.read(signal))
      if ('end' in answer) break
      if (count >= spec.maxItems) throw new ArchipelError('PROTOCOL', `${spec.name}: more than ${spec.maxItems} items`)
      const item = checked(spec.item, answer.item, spec.name)
      // The caller of a single answer does not come back for more.
      if (spec.answer === 'single') finished = true
      // What the caller does with an item is not the other side's time.
      deadline.stop()
      yield item
      if (finished) return
      deadline.start()
    }
    finished = true
  } catch (error) {
    throw deadline.translate(error, `${spec.name} at ${net.nameOf?.(peerId) ?? peerId.slice(-8)}`)
  } finally {
    deadline.clear()
    if (finished && stream !== undefined) linger(stream)
    else stream?.abort(new ArchipelError('CANCELLED', 'the asker stopped listening'))
  }
}

/** Sends the request. Where the other side answers before it heard all of it, e.g. that this is too much, that counts. */
async function ask(io: FrameStream, request: unknown, signal: AbortSignal): Promise<void> {
  try {
    await io.write(request, signal)
    await io.closeWrite(signal)
  } catch (error) {
    const early = await io.read(AbortSignal.abort()).catch(() => undefined)
    if (early !== undefined) answerOf(early)
    throw error
  }
}

/** Whether a call failed because the other side does not speak the protocol at all: it is there, and older or on its way in. */
export function isUnsupported(error: unknown): boolean {
  const names = [error, error instanceof Error ? error.cause : undefined].map((e) => (e as Error | undefined)?.name)
  return names.includes('UnsupportedProtocolError')
}

interface IdleTimer {
  signal: AbortSignal
  start(): void
  stop(): void
  clear(): void
  translate(error: unknown, what: string): unknown
}

function idleTimer(timeoutMs: number, outer: AbortSignal | undefined): IdleTimer {
  const controller = new AbortController()
  let timedOut = false
  const arm = () =>
    setTimeout(() => {
      timedOut = true
      controller.abort(new DOMException('no answer in time', 'TimeoutError'))
    }, timeoutMs)
  let timer = arm()
  const onAbort = () => controller.abort(outer?.reason)
  if (outer?.aborted) onAbort()
  else outer?.addEventListener('abort', onAbort, { once: true })
  return {
    signal: controller.signal,
    start() {
      clearTimeout(timer)
      timer = arm()
    },
    stop() {
      clearTimeout(timer)
    },
    clear() {
      clearTimeout(timer)
      outer?.removeEventListener('abort', onAbort)
    },
    translate(error, what) {
      if (timedOut) return new ArchipelError('DEADLINE', `${what}: no answer within ${timeoutMs} ms`, { cause: error })
      if (outer?.aborted) return new ArchipelError('CANCELLED', `${what}: cancelled`, { cause: error })
      if (error instanceof ArchipelError) return error
      return new ArchipelError('UNREACHABLE', `${what}: the connection failed`, { cause: error })
    },
  }
}
