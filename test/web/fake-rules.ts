/** One rule of another island, scripted; what is added is answered with as it was asked for. */
import { ArchipelError } from '../../src/protocols/model/errors.ts'
import type { RuleExplanation, RuleView } from '../../src/protocols/model/rule.ts'
import type { IslandRules } from '../../src/web/ports.ts'

export function fakeRules(other: { id: string; name: string }, now: string): IslandRules {
  const rule: RuleView = {
    id: 'rule-1',
    publisher: other,
    select: { format: 'csv' },
    copies: 2,
    sites: "country = 'DE'",
    priority: 'normal',
    created: now,
    selected: { datasets: 1, bytes: 1_234_567 },
    missing: { datasets: 1, bytes: 1_234_567, copies: 1 },
    islands: 2,
  }
  const find = (id: string): RuleView => {
    if (id !== rule.id) throw new ArchipelError('RULE_NOT_FOUND', `no rule ${id}`)
    return rule
  }
  const explained = (view: RuleView): RuleExplanation => ({
    rule: view,
    islands: [{ island: other.id, name: other.name }],
    datasets: [
      {
        dataset: `archipel:${other.id}/stars`,
        name: 'stars',
        publisher: other,
        version: 'ab'.repeat(32),
        bytes: 1_234_567,
        copies: 1,
        wanted: 2,
        islands: [{ island: other.id, name: other.name, role: 'holds' }],
      },
    ],
  })
  return {
    add: async ({ select, copies, priority = 'normal' }) => explained({ ...rule, select, copies, priority }),
    list: async () => ({ items: [rule], total: 1 }),
    show: async (id) => find(id),
    explain: async (id) => explained(find(id)),
    remove: async (id) => ({ id: find(id).id }),
  }
}
