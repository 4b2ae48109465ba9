import type { Command } from 'commander'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import { loadConfigWithSources } from '../../config/load.ts'
import { didYouMean } from '../../config/nearest.ts'
import { shownValue } from '../../config/reference.ts'
import { SETTINGS } from '../../config/settings.ts'
import type { Cli } from '../context.ts'
import { table } from '../table.ts'

const COLUMNS = [{ header: 'SETTING', min: 20 }, { header: 'VALUE', min: 12 }, { header: 'FROM' }]

export function define(command: Command, cli: Cli): void {
  command
    .argument('[setting]', 'one setting, or a group such as network')
    .option(
      '--set <path=value>',
      'as for up: to see what it would do (repeatable)',
      (value: string, before: string[] = []) => [...before, value],
    )
    .addHelpText('after', '\nExample:\n  $ archipel config network')
    .action((only: string | undefined, { set }: { set?: string[] }) => {
      const { io } = cli
      const { dataDir, config: named } = cli.globals()
      const { config, sources } = loadConfigWithSources({ flags: { dataDir, config: named, set }, env: process.env })
      const settings = SETTINGS.filter(({ path }) => only === undefined || path === only || path.startsWith(`${only}.`))
      if (settings.length === 0) {
        const known = SETTINGS.map(({ path }) => path)
        throw new ArchipelError('BAD_INPUT', `there is no setting ${only}${didYouMean(only!, known)}`, {
          hint: '`archipel config` lists them all.',
        })
      }
      const entries = settings.map((setting) => {
        const value = setting.path
          .split('.')
          .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], config)
        return { setting, value, source: sources[setting.path]! }
      })
      if (io.json) {
        const shown = entries.map(({ setting, value, source }) => [
          setting.path,
          { value: setting.secret ? shownValue(setting, value) : value, source },
        ])
        return io.printJson(Object.fromEntries(shown))
      }
      const rows = entries.map(({ setting, value, source }) => [setting.path, shownValue(setting, value), source])
      io.print(table(COLUMNS, rows, { width: io.width, style: (text) => io.style('bold', text) }))
    })
}
