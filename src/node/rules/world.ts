/** What deciding needs to know of islands and copies, as this island sees them now. */
import { type CopyState, type DecidedIsland, type Decision, decide } from '../../protocols/rules/decide.ts'
import { siteFacts } from '../../protocols/rules/sites.ts'
import type { RulesComponents, RulesInit } from './port.ts'
import type { KnownRule, Selected } from './table.ts'

type Components = Pick<RulesComponents, 'members' | 'card' | 'silentMs' | 'holders'>

export function decidedIslands({ claimMs, lostMs }: RulesInit, components: Components): DecidedIsland[] {
  return components.members().map((id) => {
    const card = components.card(id)
    const silentMs = components.silentMs(id)
    const from = card?.rulesFrom ?? []
    return {
      id,
      facts: siteFacts(id, card),
      obeys: (origin) => from.includes('members') || from.includes(origin),
      gone: silentMs > lostMs,
      silent: silentMs > claimMs,
    }
  })
}

const COMING = new Set(['requested', 'transferring', 'verifying'])

/** Who has what of the version, by the catalog. */
export function copiesOf({ publisher, id, version }: Selected, { holders }: Components): Map<string, CopyState> {
  const copies = new Map<string, CopyState>()
  for (const held of holders(publisher, id)) {
    if (held.version === version && held.state === 'available') copies.set(held.island, 'held')
    else if ((held.version === version && COMING.has(held.state)) || held.coming === version)
      copies.set(held.island, 'coming')
    else if (held.state === 'available' || held.state === 'partial') copies.set(held.island, 'part')
  }
  return copies
}

export function decisionsOn(
  dataset: Selected,
  rules: readonly KnownRule[],
  islands: readonly DecidedIsland[],
  window: number,
  components: Components,
): Decision[] {
  return decide({ version: dataset.version, rules, islands, copies: copiesOf(dataset, components), window })
}
