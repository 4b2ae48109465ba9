import { ArchipelError } from '../../../protocols/model/errors.ts'
import type { TaskView } from '../../../protocols/model/views.ts'
import {
  attemptSpec,
  claimSpec,
  controlSpec,
  describeSpec,
  readSpec,
  toMessage,
} from '../../../protocols/task/messages.ts'
import { call, callSeries, isUnsupported } from '../../../protocols/wire/client.ts'
import type { NetworkPort } from '../../network/port.ts'
import type { SpoolPort } from '../../results/port.ts'
import type { TaskHandlers, TaskRemotes } from '../calls.ts'
import { oldAttempt } from './old-attempt.ts'

export interface RemotesComponents {
  network: Pick<NetworkPort, 'archipelagoId' | 'openStream' | 'connections' | 'on'>
  /** @returns the peer id, connected. @throws NOT_A_MEMBER, UNREACHABLE */
  connect(island: string, signal: AbortSignal): Promise<string>
  islandOf(peerId: string): string | undefined
  spool: SpoolPort
  /** This island itself. */
  here: TaskHandlers
}

/** Asks any island about tasks: this one directly, others over the wire. */
export function taskRemotes(init: { self: string }, components: RemotesComponents): TaskRemotes {
  const { self } = init
  const { network, here } = components

  async function connect(island: string, signal: AbortSignal): Promise<string> {
    try {
      return await components.connect(island, signal)
    } catch (cause) {
      if (cause instanceof ArchipelError) throw cause
      throw new ArchipelError('UNREACHABLE', 'no connection could be made', { cause })
    }
  }

  return {
    async *attempt(island, request, { signal, onSent }) {
      if (island === self) {
        onSent?.()
        yield* here.attempt(request, self, { signal })
        return
      }
      const peerId = await connect(island, signal)
      onSent?.()
      try {
        // The caller counts the signs of life itself.
        const timeoutMs = request.op === 'submit' ? request.leaseMs * 2 + attemptSpec.timeoutMs : 3_600_000
        yield* callSeries(network, peerId, attemptSpec, toMessage(request), { signal, timeoutMs })
      } catch (error) {
        if (!isUnsupported(error)) throw error
        if (request.op === 'watch')
          throw new ArchipelError('TASK_NOT_FOUND', 'an island of an older version keeps no attempts')
        yield* oldAttempt(network, peerId, request, components.spool, signal)
      }
    },
    async control(island, request, { signal }) {
      if (island === self) return await here.control(request, self)
      const peerId = await connect(island, signal)
      try {
        return await call(network, peerId, controlSpec, request, { signal })
      } catch (error) {
        // An older version ends the work with the stream, and keeps nothing.
        if (isUnsupported(error)) return { state: 'unknown' }
        throw error
      }
    },
    async claim(island, request, { signal }) {
      if (island === self) return await here.claim(request, self)
      return await call(network, await connect(island, signal), claimSpec, request, { signal })
    },
    async *read(island, request, { signal }) {
      if (island === self) yield* here.read(request, self, { signal })
      else yield* callSeries(network, await connect(island, signal), readSpec, request, { signal })
    },
    async describe(island, task, { signal }) {
      if (island === self) return await here.describe(task)
      const { view } = await call(network, await connect(island, signal), describeSpec, { task }, { signal })
      try {
        return JSON.parse(view) as TaskView
      } catch (cause) {
        throw new ArchipelError('PROTOCOL', 'a view that is no JSON', { cause })
      }
    },
    connected: () =>
      network.connections().flatMap(({ peerId }) => {
        const island = components.islandOf(peerId)
        return island === undefined || island === self ? [] : [island]
      }),
    onReady: (listener) =>
      network.on('peer:ready', (peerId) => {
        const island = components.islandOf(peerId)
        if (island !== undefined) listener(island)
      }),
  }
}
