import type { Command } from 'commander'
import type { Cli, CommandModule } from '../context.ts'
import * as explain from './subscriptions/explain.ts'
import * as list from './subscriptions/list.ts'
import * as pause from './subscriptions/pause.ts'
import * as remove from './subscriptions/remove.ts'
import * as resume from './subscriptions/resume.ts'
import * as show from './subscriptions/show.ts'

const VERBS: [name: string, summary: string, module: CommandModule][] = [
  ['list', 'list subscriptions, newest first', list],
  ['show', 'show one, with the datasets that it met last', show],
  ['explain', 'say why a dataset is one of it or is not, and what became of it', explain],
  ['pause', 'ask for nothing until it is resumed; transfers go on', pause],
  ['resume', 'go on, with what came meanwhile and what failed', resume],
  ['remove', 'end it; what it brought stays', remove],
]

export async function define(command: Command, cli: Cli): Promise<void> {
  command
    .helpCommand(false)
    .addHelpText(
      'after',
      '\nA subscription fetches the datasets that a filter finds, as they appear; archipel subscribe makes one.\n\nExample:\n  $ archipel subscriptions list',
    )
  for (const [name, summary, module] of VERBS)
    await module.define(command.command(name, { isDefault: name === 'list' }).description(summary), cli)
}
