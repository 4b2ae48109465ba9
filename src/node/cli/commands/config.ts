import type { Command } from 'commander'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import { loadConfig, shownSettings } from '../../config/load.ts'
import { didYouMean } from '../../config/nearest.ts'
import type { Cli } from '../context.ts'
import { findIsland } from '../remote.ts'
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
    .option(
      '--running',
      'those of the island that runs, which may have been started with others; so do --island and --token',
    )
    .addHelpText('after', '\nExample:\n  $ archipel config network')
    .action(async (only: string | undefined, { set, running }: { set?: string[]; running?: boolean }) => {
      const { io } = cli
      const asks = running === true || isNamed(cli)
      if (asks && set !== undefined) {
        throw new ArchipelError('BAD_INPUT', '--set: a running island is not asked what if', {
          hint: 'Leave out --running, --island, --token and ARCHIPEL_ISLAND, or --set.',
        })
      }
      const all = asks ? await ofIsland(cli) : ofFiles(cli, set)
      const entries = Object.entries(all).filter(
        ([path]) => only === undefined || path === only || path.startsWith(`${only}.`),
      )
      if (entries.length === 0) {
        throw new ArchipelError('BAD_INPUT', `there is no setting ${only}${didYouMean(only!, Object.keys(all))}`, {
          hint: '`archipel config` lists them all.',
        })
      }
      if (!asks && runsHere(cli)) io.note('these are for the next start; --running shows those of the island that runs')
      if (io.json) return io.printJson(Object.fromEntries(entries))
      const rows = entries.map(([path, { value, source }]) => [path, shown(value), source])
      io.print(table(COLUMNS, rows, { width: io.width, style: (text) => io.style('bold', text) }))
    })
}

/** Whether an island is named that has to be asked. */
function isNamed(cli: Cli): boolean {
  const { island, token } = cli.globals()
  return Boolean(island || process.env.ARCHIPEL_ISLAND || token)
}

function runsHere(cli: Cli): boolean {
  try {
    findIsland(cli.globals(), process.env)
    return true
  } catch {
    return false
  }
}

type Settings = Record<string, { value?: unknown; source: string }>

async function ofIsland(cli: Cli): Promise<Settings> {
  const client = await cli.client()
  return (await client.config({ signal: cli.signal })).settings
}

function ofFiles(cli: Cli, set: string[] | undefined): Settings {
  const { dataDir, config: named } = cli.globals()
  return shownSettings(loadConfig({ flags: { dataDir, config: named, set }, env: process.env }))
}

function shown(value: unknown): string {
  if (value === undefined) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}
