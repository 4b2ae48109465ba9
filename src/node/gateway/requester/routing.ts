import type { LivyKind } from '../../../protocols/livy/objects.ts'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import type { Card, Liveness } from '../../../protocols/model/island.ts'
import { type BoundRef, MAX_TASK_DATASETS } from '../../../protocols/model/task.ts'
import type { Located } from '../../resolve/port.ts'
import { TASK_KIND } from '../kinds.ts'

export interface RoutingComponents {
  self: string
  nameOf(island: string): string
  /** @throws NOT_FOUND, AMBIGUOUS */
  islandNamed(text: string): string
  /** The one dataset that is meant, with who holds it. @throws DATASET_NOT_FOUND, AMBIGUOUS, BAD_ID */
  locate(ref: string, options: { signal: AbortSignal }): Promise<Located>
  liveness(island: string): Liveness
  rttMs(island: string): number | undefined
  members(): string[]
  card(island: string): Card | undefined
}

export interface Route {
  /** Best first, each with why. */
  candidates: { island: string; why: string }[]
  datasets: BoundRef[]
  engine?: 'livy' | 'embedded'
}

/** Settings of a request that are for this endpoint. */
export const CONF = {
  island: 'spark.archipel.island',
  datasets: 'spark.archipel.datasets',
  engine: 'spark.archipel.engine',
} as const

export interface Routing {
  /** @throws BAD_INPUT, NOT_FOUND, NO_HOLDER, DATASET_NOT_FOUND, AMBIGUOUS */
  route(
    asked: { conf: Record<string, string>; name: string | undefined; kind: LivyKind },
    options: { signal: AbortSignal },
  ): Promise<Route>
  /** Names of islands that say that they run this kind. */
  able(kind: LivyKind): string[]
}

/** Where a session or batch goes: to the island that is named, else to one that holds the data, else to this one. */
export function routing(components: RoutingComponents): Routing {
  const { self, nameOf, card } = components
  const runs = (island: string, kind: LivyKind) =>
    card(island)?.engines.some((engine) => engine.languages.includes(TASK_KIND[kind])) === true

  /** `anything@island`, where that is exactly one. */
  function islandOfName(name: string | undefined): string | undefined {
    const part = name === undefined || !name.includes('@') ? '' : name.slice(name.lastIndexOf('@') + 1)
    if (part === '') return undefined
    try {
      return components.islandNamed(part)
    } catch {
      return undefined
    }
  }

  async function pin(refs: string[], signal: AbortSignal): Promise<{ datasets: BoundRef[]; holders: string[] }> {
    const located = await Promise.all(refs.map((ref) => components.locate(ref, { signal })))
    const datasets = located.map(({ id, publisher, version }, i) => ({ table: refs[i]!, id, publisher, version }))
    const sets = located.map(
      (one) =>
        new Set(one.holders.filter((h) => h.version === one.version && h.state === 'available').map((h) => h.island)),
    )
    const [first = new Set<string>(), ...others] = sets
    return { datasets, holders: [...first].filter((island) => others.every((set) => set.has(island))) }
  }

  const rank = (kind: LivyKind) => (a: string, b: string) => {
    const score = (island: string): number => {
      if (island === self) return runs(island, kind) ? -1 : 2e6
      const far = components.rttMs(island) ?? 1e4
      return far + (components.liveness(island) === 'live' ? 0 : 1e6) + (runs(island, kind) ? 0 : 2e6)
    }
    return score(a) - score(b)
  }

  return {
    able: (kind) =>
      components
        .members()
        .filter((island) => runs(island, kind))
        .map(nameOf),
    async route({ conf, name, kind }, { signal }) {
      const refs = (conf[CONF.datasets] ?? '').split(',').flatMap((ref) => (ref.trim() === '' ? [] : [ref.trim()]))
      if (refs.length > MAX_TASK_DATASETS)
        throw new ArchipelError('BAD_INPUT', `${CONF.datasets} names more than ${MAX_TASK_DATASETS} datasets`)
      const engine = conf[CONF.engine]
      if (engine !== undefined && engine !== 'livy' && engine !== 'embedded')
        throw new ArchipelError('BAD_INPUT', `${CONF.engine} is livy or embedded`)
      const more = engine === undefined ? {} : { engine: engine as 'livy' | 'embedded' }
      const { datasets, holders } = await pin(refs, signal)
      const text = conf[CONF.island]
      const named = text === undefined ? islandOfName(name) : components.islandNamed(text)
      if (named !== undefined) {
        const why = text === undefined ? `the name ${name} asks for it` : `${CONF.island} asks for it`
        return { candidates: [{ island: named, why }], datasets, ...more }
      }
      if (refs.length === 0)
        return { candidates: [{ island: self, why: 'the own engine of this island' }], datasets, ...more }
      if (holders.length === 0)
        throw new ArchipelError(
          'NO_HOLDER',
          `no island holds ${refs.length === 1 ? refs[0] : `all of ${refs.join(', ')}`}`,
        )
      const candidates = holders.sort(rank(kind)).map((island) => ({ island, why: whyHolder(island) }))
      return { candidates, datasets, ...more }
    },
  }

  function whyHolder(island: string): string {
    if (island === self) return 'this island holds the data'
    const rtt = components.rttMs(island)
    return rtt === undefined ? 'it holds the data' : `it holds the data, ${Math.round(rtt)} ms away`
  }
}
