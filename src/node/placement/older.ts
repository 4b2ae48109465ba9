import type { ConfirmAnswer, ConfirmRequest } from '../../protocols/placement/messages.ts'
import { resolveSpec } from '../../protocols/resolve/messages.ts'
import { call, type StreamOpener } from '../../protocols/wire/client.ts'

/** What an island of an older version would say: it is asked what it holds; it runs statements only. */
export async function askOlder(
  network: StreamOpener,
  peerId: string,
  request: ConfirmRequest,
  options: { signal: AbortSignal },
): Promise<ConfirmAnswer> {
  const started = performance.now()
  const ids = request.datasets.map((d) => d.id)
  const { holdings } = ids.length === 0 ? { holdings: [] } : await call(network, peerId, resolveSpec, { ids }, options)
  const holds = request.datasets.flatMap(({ id, publisher, version }) => {
    const same = holdings.filter((h) => h.id === id || h.aliases.includes(id))
    const holding = same.find((h) => h.version === version) ?? same[0]
    return holding === undefined ? [] : [{ id, publisher, version: holding.version, state: holding.state }]
  })
  const complete = request.datasets.every((d) =>
    holds.some((h) => h.id === d.id && h.version === d.version && h.state === 'available'),
  )
  const refusal =
    request.kind !== 'sql'
      ? { code: 'LANGUAGE_MISSING', reason: `an older version does not run ${request.kind}` }
      : complete
        ? undefined
        : { code: 'DATASET_NOT_FOUND', reason: 'it does not hold all the data as they were published' }
  return {
    accepts: refusal === undefined,
    reason: refusal?.reason ?? 'an older version, which does not tell of its queue',
    ...(refusal === undefined ? {} : { code: refusal.code }),
    running: 0,
    waiting: 0,
    slots: 1,
    queueWaitMs: 0,
    tookMs: performance.now() - started,
    holds,
  }
}
