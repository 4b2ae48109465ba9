import type { Command } from 'commander'
import type { Cli, CommandModule } from '../context.ts'
import * as add from './rules/add.ts'
import * as explain from './rules/explain.ts'
import * as list from './rules/list.ts'
import * as remove from './rules/remove.ts'
import * as show from './rules/show.ts'

const VERBS: [name: string, summary: string, module: CommandModule][] = [
  ['add', 'ask for copies of the datasets that a filter finds', add],
  ['list', 'list the rules of all islands', list],
  ['show', 'show a rule, and how far it is obeyed', show],
  ['explain', 'say which islands a rule means, and whose turn it is', explain],
  ['remove', 'remove a rule of this island', remove],
]

export async function define(command: Command, cli: Cli): Promise<void> {
  command
    .helpCommand(false)
    .addHelpText(
      'after',
      "\nA rule keeps so many copies of datasets, also of those to come, at islands that obey it (rules.accept).\n\nExample:\n  $ archipel rules add --select format=parquet --copies 2 --sites \"country in ('DE', 'FR')\" --spread country",
    )
  for (const [name, summary, module] of VERBS) await module.define(command.command(name).description(summary), cli)
}
