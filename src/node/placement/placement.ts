import { ArchipelError } from '../../protocols/model/errors.ts'
import { type ConfirmAnswer, type ConfirmRequest, PROBE_BYTES } from '../../protocols/placement/messages.ts'
import { explain } from './explain.ts'
import { gather, type Knowledge } from './gather.ts'
import { byCost, judge, type Verdict } from './judge.ts'
import type { Links } from './links.ts'
import { nobody } from './nobody.ts'
import type { PlacementPort, PlacementRequest } from './port.ts'
import { type Asked, confirmBest, systemTimers, type Timers } from './rounds.ts'

export interface PlacementComponents extends Omit<Knowledge, 'links'> {
  links: Pick<Links, 'of' | 'unsure' | 'learn'>
  /** What this island itself says of the work. */
  answer(request: ConfirmRequest, island: string): Promise<ConfirmAnswer>
  /** Asks another island; bounds its own time. @throws UNREACHABLE, DEADLINE, TOO_MANY and others */
  ask(island: string, request: ConfirmRequest, options: { signal: AbortSignal }): Promise<ConfirmAnswer>
  timers?: Timers
}

/** Chooses the island for a task by cost in seconds, and says why. */
export function placement(components: PlacementComponents): PlacementPort {
  const { self, links } = components
  const timers = components.timers ?? systemTimers

  async function askAll(request: PlacementRequest, verdicts: Verdict[], signal: AbortSignal) {
    const wanted = confirmRequestOf(request)
    const able = verdicts.filter((v) => v.exclusion === undefined)
    const choice = able.length > 1
    const heavy = able.some(({ facts }) => facts.result.bytes + facts.codeBytes > PROBE_BYTES)
    const ask = async (island: string): Promise<ConfirmAnswer> => {
      if (island === self) return await components.answer(wanted, self)
      // Where there is a choice, links are measured: now, when one is unknown and more is at stake than a probe costs.
      const unsure = choice ? links.unsure(island) : 'no'
      const probe = unsure === 'no' ? undefined : links.learn(island)
      const [answer] = await Promise.all([
        components.ask(island, wanted, { signal }),
        unsure === 'unknown' && heavy ? probe : undefined,
      ])
      return answer
    }
    return await confirmBest(verdicts, { ask, linkOf: links.of, timers }, signal)
  }

  return {
    async place(request, { confirm, signal }) {
      if (signal.aborted) throw new ArchipelError('CANCELLED', 'the placement was cancelled')
      const judged = gather(request, components).map(judge)
      const asked = new Map<string, Asked>()
      const outcome = confirm ? await askAll(request, judged, signal) : { verdicts: judged, asked }
      const { verdicts } = outcome
      const able = verdicts
        .filter((v) => v.exclusion === undefined && (!confirm || outcome.asked.get(v.facts.island) === 'accepted'))
        .sort(byCost)
      const entries = explain(verdicts, able[0], outcome.asked)
      if (able.length === 0) throw nobody(request, verdicts, entries)
      return { order: able.map(({ facts, seconds }) => ({ island: facts.island, seconds })), explain: entries }
    },
  }
}

function confirmRequestOf({ user, kind, engine, datasets, resources }: PlacementRequest): ConfirmRequest {
  const refs = datasets.map(({ id, publisher, version }) => ({ id, publisher, version }))
  const request: ConfirmRequest = { user, kind, datasets: refs }
  if (engine !== undefined) request.engine = engine
  if (resources?.memoryBytes !== undefined) request.memoryBytes = resources.memoryBytes
  return request
}
