import { ArchipelError } from '../../protocols/model/errors.ts'
import {
  type ConfirmAnswer,
  type ConfirmRequest,
  confirmSpec,
  PROBE_BYTES,
  PROBE_ITEM_BYTES,
  probeSpec,
} from '../../protocols/placement/messages.ts'
import { call, callSeries, isUnsupported, type StreamOpener } from '../../protocols/wire/client.ts'
import type { Probe } from './links.ts'
import { askOlder } from './older.ts'

export interface AskingComponents {
  network: StreamOpener
  /** @returns its peer id, connected. @throws NOT_A_MEMBER, UNREACHABLE */
  connect(island: string, options: { signal: AbortSignal }): Promise<string>
}

/** Milliseconds for a confirmation, connecting included, and for a probe once it is connected. */
const CONFIRM_MS = 2_000
const PROBE_MS = 1_000

/** The asking side of placement on the wire. */
export function asking({ network, connect }: AskingComponents) {
  return {
    /** Asks whether the island would take the work; `heard` gets the round trip. @throws UNREACHABLE, DEADLINE, TOO_MANY, PROTOCOL, CANCELLED */
    async ask(
      island: string,
      request: ConfirmRequest,
      options: { signal: AbortSignal; heard: (rttMs: number) => void },
    ): Promise<ConfirmAnswer> {
      const deadline = AbortSignal.timeout(CONFIRM_MS)
      const signal = AbortSignal.any([options.signal, deadline])
      try {
        const peerId = await connect(island, { signal })
        const started = performance.now()
        let answer: ConfirmAnswer
        try {
          answer = await call(network, peerId, confirmSpec, request, { signal, timeoutMs: CONFIRM_MS })
        } catch (error) {
          if (isUnsupported(error)) return await askOlder(network, peerId, request, { signal })
          throw error
        }
        options.heard(Math.max(0, performance.now() - started - answer.tookMs))
        return answer
      } catch (error) {
        if (deadline.aborted && !options.signal.aborted)
          throw new ArchipelError('DEADLINE', `no answer within ${CONFIRM_MS} ms`, { cause: error })
        throw error
      }
    },

    /** Times a small transfer from the island. What came before the deadline counts. @throws UNREACHABLE, DEADLINE and others */
    async probe(island: string, options: { signal: AbortSignal }): Promise<Probe> {
      const peerId = await connect(island, {
        signal: AbortSignal.any([options.signal, AbortSignal.timeout(CONFIRM_MS)]),
      })
      const started = performance.now()
      const late = AbortSignal.timeout(PROBE_MS)
      const signal = AbortSignal.any([options.signal, late])
      let rttMs: number | undefined
      let bytes = 0
      try {
        for await (const item of callSeries(network, peerId, probeSpec, { bytes: PROBE_BYTES }, { signal })) {
          rttMs ??= performance.now() - started
          bytes += item.bytes.length
        }
      } catch (error) {
        if (rttMs === undefined || !late.aborted) throw error
      }
      if (rttMs === undefined) throw new ArchipelError('PROTOCOL', 'a probe without an answer')
      // Not even one: it is no faster than if one had just come.
      return { rttMs, bytes: Math.max(bytes, PROBE_ITEM_BYTES), ms: performance.now() - started - rttMs }
    },
  }
}
