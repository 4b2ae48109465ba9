import type { Command } from 'commander'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import type { Cli } from '../context.ts'
import { printResult } from '../print-result.ts'
import { readFileText, readStdin } from '../read-input.ts'
import { detach, dryRun, runToEnd } from '../run-task.ts'
import { targetOf } from '../save-result.ts'
import { requestOf, SQL_HELP, type TaskOptions, taskOptions } from '../task-options.ts'
import { summary } from '../task-words.ts'

interface Options extends TaskOptions {
  file?: string
}

async function statement(argument: string | undefined, file: string | undefined, signal: AbortSignal): Promise<string> {
  if ((argument === undefined) === (file === undefined)) {
    throw new ArchipelError(
      'BAD_INPUT',
      'give the statement as an argument, by -f, or as - on standard input, in one of these ways',
    )
  }
  if (file !== undefined) return file === '-' ? readStdin(signal) : readFileText(file)
  return argument === '-' ? readStdin(signal) : argument!
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('[statement]', 'one SELECT; tables are dataset ids in double quotes or short names; - for standard input')
    .option('-f, --file <path>', 'file with the statement')
  taskOptions(command)
    .addHelpText(
      'after',
      `\nCtrl-C cancels the statement.\n${SQL_HELP}\nExample:\n  $ archipel sql "SELECT name, vmag FROM bright_stars ORDER BY vmag LIMIT 5"`,
    )
    .action(async (argument: string | undefined, options: Options) => {
      const { io, signal } = cli
      const request = requestOf({ kind: 'sql', code: '' }, options, io)
      const target = options.output === undefined ? undefined : await targetOf(options.output, { tableOnly: true })
      request.code = await statement(argument, options.file, signal)
      if (request.code.trim() === '') throw new ArchipelError('BAD_INPUT', 'the statement is empty')
      if (options.dryRun) return dryRun(cli, request)
      if (options.detach) return detach(cli, { request })
      const view = await runToEnd(cli, { request }, options)
      await printResult(io, { client: await cli.client(), view, signal }, { csv: options.csv, target })
      io.note(summary(view))
    })
}
