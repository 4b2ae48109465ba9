/** The command tree: global options here, the rest in the modules of `commands/`. */
import { Command, Option } from 'commander'
import { SOFTWARE } from '../version.ts'
import { COMMANDS } from './commands.ts'
import type { Cli } from './context.ts'

/** Of every command. */
const GLOBAL_OPTIONS = [
  new Option('--data-dir <dir>', 'directory with the keys and data of the island'),
  new Option('--config <file>', 'file with settings (default: config.json in the data directory)'),
  new Option('--island <url>', 'talk to the island at this address, not to the one of the data directory'),
  new Option('--token <token>', 'a token of that island, or @file; better: ARCHIPEL_TOKEN'),
  new Option('--json', 'print JSON, errors too'),
  new Option('--quiet', 'print the answer only'),
  new Option('--no-color', 'print without colours'),
]

const WITH_VALUE = GLOBAL_OPTIONS.filter((option) => option.required).map((option) => option.long)

/** The name of the command that `argv` calls, or asks help for; undefined when it names none. */
export function commandName(argv: string[]): string | undefined {
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!
    if (WITH_VALUE.includes(word)) i++
    else if (!word.startsWith('-') && word !== 'help') return word
  }
  return undefined
}

/** Names and summaries of all commands, without their modules. */
export function buildProgram(): Command {
  const program = new Command('archipel')
    .description('Islands of science sites: share catalogues, find data, send the question to where the data are.')
    .version(SOFTWARE, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help for a command')
    .configureHelp({ showGlobalOptions: true, helpWidth: process.stdout.columns ?? 100 })
    .addHelpText(
      'after',
      '\nExample:\n  $ archipel create my-archipelago && archipel up\n\nSettings: config/reference.md. Exit codes: 2 wrong input or beyond a limit, 3 not allowed, 4 not found, 5 busy or unreachable, 1 else.',
    )
  for (const option of GLOBAL_OPTIONS) program.addOption(option)
  for (const { name, summary } of COMMANDS) program.command(name).description(summary)
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({ outputError() {} })
    if (command !== program) command.copyInheritedSettings(program).exitOverride()
  }
  return program
}

/** Completes the commands with these names, or all. */
export async function loadCommands(program: Command, cli: Cli, names?: string[]): Promise<void> {
  for (const entry of COMMANDS) {
    if (names !== undefined && !names.includes(entry.name)) continue
    const command = program.commands.find((c) => c.name() === entry.name)!
    const { define } = await entry.load()
    await define(command, cli)
  }
}
