/** What a drop would do, by what is known now. */
import type { DropPlan } from '../../protocols/model/replica.ts'
import type { Located, LocatedHolder } from '../resolve/port.ts'
import { freed, type Needs } from './evicting.ts'
import type { Replica } from './port.ts'

interface Known {
  needs: Pick<Needs, 'unmet' | 'promised'>
  nameOf(island: string): string
}

type Planned = DropPlan['replicas'][number]

/** @param has islands that say they have all of a version, asked just now */
export function dropPlanOf(
  { id, name, publisher }: Located,
  all: readonly Replica[],
  has: (version: string) => LocatedHolder[],
  known: Known,
): DropPlan {
  const replicas = all.map((replica) => planned(replica, has(replica.version), known))
  return {
    dataset: id,
    name,
    publisher: { id: publisher, name: known.nameOf(publisher) },
    bytes: replicas.reduce((sum, { bytes }) => sum + bytes, 0),
    replicas,
  }
}

function planned(replica: Replica, holders: readonly LocatedHolder[], { needs, nameOf }: Known): Planned {
  const { publisher, id: dataset, version, state, held } = replica
  const copy = { publisher, dataset, version }
  const there = holders.filter((h) => h.confirmed).map((h) => h.island)
  const rules = state === 'available' ? needs.unmet(copy, there) : []
  const refusal = refusalOf(replica, holders, there, rules.length > 0, { needs, nameOf })
  return {
    version,
    state,
    held,
    bytes: freed(replica),
    holders: holders.map(({ island, state, confirmed }) => ({ island, name: nameOf(island), state, confirmed })),
    rules: rules.map(({ origin, ...rule }) => ({ ...rule, origin, name: nameOf(origin) })),
    ...(refusal === undefined ? {} : { refusal }),
  }
}

/** In the order in which a drop finds it. */
function refusalOf(
  { publisher, id: dataset, version, state, held }: Replica,
  holders: readonly LocatedHolder[],
  there: readonly string[],
  tooFew: boolean,
  { needs, nameOf }: Known,
): Planned['refusal'] {
  const last = { code: 'LAST_COPY', message: 'no other island that answers now has all of it' }
  if (state !== 'available') return held.files > 0 && there.length === 0 ? last : undefined
  const promise = needs.promised({ publisher, dataset, version })
  if (promise !== undefined) {
    const until = new Date(promise.until).toISOString()
    return { code: 'DROP_PROMISED', message: `this island promised ${nameOf(promise.to)} to keep it until ${until}` }
  }
  if (there.length > 0 && !tooFew) return undefined
  const silent = holders.filter((h) => !h.confirmed).map((h) => nameOf(h.island))
  if (silent.length > 0) return { code: 'PROMISE_MISSING', message: `no answer from ${silent.sort().join(', ')}` }
  return tooFew && there.length > 0 ? { code: 'BELOW_RULE', message: 'a rule would have too few copies' } : last
}
