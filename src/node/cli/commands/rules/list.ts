import type { Command } from 'commander'
import type { RuleView } from '../../../../protocols/model/rule.ts'
import type { Cli } from '../../context.ts'
import { missingText, selectText } from '../../rule-words.ts'
import { showList } from '../../show-list.ts'

const COLUMNS = [
  { header: 'ID', min: 12 },
  { header: 'MADE BY', min: 8 },
  { header: 'COPIES', align: 'right' as const },
  { header: 'SELECTS', min: 12 },
  { header: 'SITES', min: 8, optional: true },
  { header: 'DATASETS', align: 'right' as const, optional: true },
  { header: 'MISSING', min: 8 },
]

const row = (rule: RuleView) => [
  rule.id,
  rule.publisher.name,
  String(rule.copies),
  selectText(rule),
  rule.sites ?? 'all',
  String(rule.selected.datasets),
  missingText(rule),
]

export function define(command: Command, cli: Cli): void {
  command
    .option('--limit <n>', 'rules to show', '50')
    .addHelpText('after', '\nExample:\n  $ archipel rules list')
    .action(async ({ limit }: { limit: string }) => {
      await showList(cli, {
        limit,
        what: 'rules',
        columns: COLUMNS,
        row,
        ask: (client, page, options) => client.rules.list(page, options),
      })
    })
}
