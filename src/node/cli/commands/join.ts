import type { Command } from 'commander'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import { keepSettings } from '../../config/keep.ts'
import type { Cli } from '../context.ts'
import { withProgress } from '../progress.ts'
import { oneLine, readArgument, readFileText } from '../read-input.ts'
import { settingsFlags } from '../settings-flags.ts'
import { stayUp } from './up.ts'

async function readTicket(
  argument: string | undefined,
  file: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  if ((argument === undefined) === (file === undefined)) {
    throw new ArchipelError(
      'BAD_INPUT',
      'give the ticket as an argument, by --file, or as - on standard input, in one of these ways',
    )
  }
  const text = file === undefined ? await readArgument(argument!, signal) : await readFileText(file)
  return oneLine(text, 'the ticket')
}

export function define(command: Command, cli: Cli): void {
  const settingsOf = settingsFlags(command)
  command
    .argument('[ticket]', 'the ticket, @file, or - for standard input')
    .option('--file <path>', 'file with the ticket')
    .option('--no-up', 'only join; do not stay up')
    .addHelpText('after', '\nExample:\n  $ archipel join @ticket.txt --name grenoble')
    .action(async (argument: string | undefined, options: { file?: string; up: boolean }) => {
      const { io, signal } = cli
      const given = settingsOf(options as Record<string, unknown>)
      const config = await cli.config(given)
      const ticket = await readTicket(argument, options.file, signal)
      const { joinArchipelago } = await cli.daemon()
      const joined = await withProgress(io, 'joining', () => joinArchipelago({ config, ticket, signal }))
      await keepSettings(config, given)
      if (!options.up && io.json) return io.printJson(joined)
      if (!io.json) {
        io.print(
          `${joined.island.name} joined ${io.style('bold', joined.archipelago.name)} (${joined.archipelago.id}), invited by ${joined.issuer.name}`,
        )
      }
      if (options.up) await stayUp(cli, config)
      else io.note('Next: archipel up')
    })
}
