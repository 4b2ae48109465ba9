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
/** Of all of them; no site gets any. */
export const CONF_PREFIX = 'spark.archipel.'
const KEYS: readonly string[] = Object.values(CONF)

export interface Routing {
  /** @throws BAD_INPUT, NOT_FOUND, NO_HOLDER, DATASET_NOT_FOUND, AMBIGUOUS */
  route(
    asked: { conf: Record<string, string>; name: string | undefined; kind: LivyKind },
    options: { signal: AbortSignal },
  ): Promise<Route>
  /** Names of islands that say that they run this kind. */
  able(kind: LivyKind): string[]
}

interface Pinned {
  datasets: BoundRef[]
  /** Who has each of them. */
  held: string[][]
  /** Who has them all. */
  holders: string[]
}

/** Names of islands in a message. */
const SHOWN = 5

/** Where a session or batch goes: to the island that is named, else to one that holds the data, else to this one. */
export function routing(components: RoutingComponents): Routing {
  const { self, nameOf, card } = components
  const runs = (island: string, kind: LivyKind) =>
    card(island)?.engines.some((engine) => engine.languages.includes(TASK_KIND[kind])) === true

  /** `anything@island`. @throws NOT_FOUND, AMBIGUOUS: who asks for an island must not get another one */
  function islandOfName(name: string | undefined): string | undefined {
    const part = name === undefined || !name.includes('@') ? '' : name.slice(name.lastIndexOf('@') + 1)
    return part === '' ? undefined : components.islandNamed(part)
  }

  /** What is misspelt would be overlooked, and the work would run somewhere else. @throws BAD_INPUT */
  function checkKeys(conf: Record<string, string>): void {
    const foreign = Object.keys(conf).find((key) => key.startsWith(CONF_PREFIX) && !KEYS.includes(key))
    if (foreign !== undefined)
      throw new ArchipelError('BAD_INPUT', `conf has ${foreign.slice(0, 100)}, which is no setting`, {
        hint: `Settings of this endpoint are ${KEYS.join(', ')}.`,
      })
  }

  async function pin(refs: string[], signal: AbortSignal): Promise<Pinned> {
    const located = await Promise.all(refs.map((ref) => components.locate(ref, { signal })))
    const datasets = located.map(({ id, publisher, version }, i) => ({ table: refs[i]!, id, publisher, version }))
    const sets = located.map(
      (one) =>
        new Set(one.holders.filter((h) => h.version === one.version && h.state === 'available').map((h) => h.island)),
    )
    const [first = new Set<string>(), ...others] = sets
    const held = sets.map((set) => [...set])
    return { datasets, held, holders: [...first].filter((island) => others.every((set) => set.has(island))) }
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
      checkKeys(conf)
      const refs = (conf[CONF.datasets] ?? '').split(',').flatMap((ref) => (ref.trim() === '' ? [] : [ref.trim()]))
      if (refs.length > MAX_TASK_DATASETS)
        throw new ArchipelError('BAD_INPUT', `${CONF.datasets} names more than ${MAX_TASK_DATASETS} datasets`)
      const engine = conf[CONF.engine]
      if (engine !== undefined && engine !== 'livy' && engine !== 'embedded')
        throw new ArchipelError('BAD_INPUT', `${CONF.engine} is livy or embedded`)
      const more = engine === undefined ? {} : { engine: engine as 'livy' | 'embedded' }
      const text = conf[CONF.island]
      const named = text === undefined ? islandOfName(name) : components.islandNamed(text)
      const { datasets, held, holders } = await pin(refs, signal)
      if (named !== undefined) {
        const why = text === undefined ? `the name ${name} asks for it` : `${CONF.island} asks for it`
        return { candidates: [{ island: named, why }], datasets, ...more }
      }
      if (refs.length === 0)
        return { candidates: [{ island: self, why: 'the own engine of this island' }], datasets, ...more }
      if (holders.length === 0) throw noHolder(refs, held)
      const candidates = holders.sort(rank(kind)).map((island) => ({ island, why: whyHolder(island) }))
      return { candidates, datasets, ...more }
    },
  }

  function noHolder(refs: string[], held: string[][]): ArchipelError {
    const who = (islands: string[]) =>
      islands.length === 0
        ? 'held by nobody who can be reached'
        : `at ${islands.slice(0, SHOWN).map(nameOf).join(', ')}${islands.length > SHOWN ? ' and others' : ''}`
    const each = refs.map((ref, i) => `${ref} is ${who(held[i]!)}`).join('; ')
    if (refs.length === 1) return new ArchipelError('NO_HOLDER', each)
    return new ArchipelError('NO_HOLDER', `no island holds all of this: ${each}`, {
      hint: `A session runs at one island: name in ${CONF.datasets} what is at one, or replicate the others to it first.`,
    })
  }

  function whyHolder(island: string): string {
    if (island === self) return 'this island holds the data'
    const rtt = components.rttMs(island)
    return rtt === undefined ? 'it holds the data' : `it holds the data, ${Math.round(rtt)} ms away`
  }
}
