import type { Command } from 'commander'
import type { Cli, CommandModule } from '../context.ts'
import * as cancel from './task/cancel.ts'
import * as log from './task/log.ts'
import * as result from './task/result.ts'
import * as retry from './task/retry.ts'
import * as show from './task/show.ts'

const VERBS: [name: string, summary: string, module: CommandModule][] = [
  ['show', 'show a task with its attempts', show],
  ['log', 'print what it printed', log],
  ['result', 'print or save its result', result],
  ['cancel', 'end it', cancel],
  ['retry', 'run the same work again, as a new task', retry],
]

export async function define(command: Command, cli: Cli): Promise<void> {
  command
    .helpCommand(false)
    .addHelpText(
      'after',
      '\nA task is named by its id, or by a part of it as `archipel tasks` shows it.\n\nExample:\n  $ archipel task show mb3k2x9f',
    )
  for (const [name, summary, module] of VERBS) {
    await module.define(command.command(name).description(summary).argument('<id>', 'a task'), cli)
  }
}
