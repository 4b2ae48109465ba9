import type { Command } from 'commander'
import { keepSettings } from '../../config/keep.ts'
import type { Cli } from '../context.ts'
import { settingsFlags } from '../settings-flags.ts'

export function define(command: Command, cli: Cli): void {
  const settingsOf = settingsFlags(command)
  command
    .argument('<archipelago>', 'its name, for people')
    .addHelpText('after', '\nExample:\n  $ archipel create sky-surveys --name garching')
    .action(async (name: string, options) => {
      const { io } = cli
      const given = settingsOf(options)
      const config = await cli.config(given)
      const { createArchipelago } = await cli.daemon()
      const made = await createArchipelago({ config, name })
      await keepSettings(config, given)
      if (io.json) return io.printJson(made)
      io.print(`archipelago  ${io.style('bold', made.archipelago.name)} (${made.archipelago.id})`)
      io.print(`island       ${made.island.name} (${made.island.id})`)
      io.print(`recovery key ${io.style('bold', made.recoveryKey)}`)
      io.note(
        'The recovery key is shown this once: put it in a safe. It replaces this island’s admin key when that is lost.',
      )
      io.note('Next: archipel up')
    })
}
