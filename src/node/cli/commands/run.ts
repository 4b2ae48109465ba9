import { extname } from 'node:path'
import { type Command, Option } from 'commander'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import type { TaskKind } from '../../../protocols/model/task.ts'
import type { Cli } from '../context.ts'
import { printResult } from '../print-result.ts'
import { readFileText, readStdin } from '../read-input.ts'
import { detach, dryRun, printed, runToEnd } from '../run-task.ts'
import { targetOf } from '../save-result.ts'
import { PROGRAM_HELP, requestOf, SQL_HELP, type TaskOptions, taskOptions } from '../task-options.ts'
import { summary } from '../task-words.ts'

const KINDS: Record<string, TaskKind> = { '.sql': 'sql', '.py': 'python', '.r': 'r' }

interface Options extends TaskOptions {
  data?: string[]
  kind?: TaskKind
  follow?: boolean
}

function kindOf(path: string, given: TaskKind | undefined): TaskKind {
  const kind = given ?? KINDS[extname(path).toLowerCase()]
  if (kind === undefined)
    throw new ArchipelError('BAD_INPUT', `${path === '-' ? 'standard input' : path}: what language is it?`, {
      hint: 'Files end with .sql, .py or .R; for others, and for standard input, give --kind.',
    })
  return kind
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<file>', 'a file with SQL, Python or R; - for standard input')
    .option(
      '--data <id>',
      'a dataset that it reads: id or short name (repeatable); those of SQL are found in it',
      (value: string, before: string[] = []) => [...before, value],
    )
    .addOption(
      new Option('--kind <language>', 'what it is, whatever the file is called').choices(['sql', 'python', 'r']),
    )
    .option('--follow', 'print what it prints while it runs, and each change')
  taskOptions(command)
    .addHelpText(
      'after',
      `\nCtrl-C cancels the task; --detach leaves it to itself.\n${PROGRAM_HELP}${SQL_HELP}\nExample:\n  $ archipel run colours.py --data bright_stars --param limit=5 --output colours/\n  $ archipel run - --kind python --data bright_stars < colours.py`,
    )
    .action(async (path: string, options: Options) => {
      const { io, signal } = cli
      const kind = kindOf(path, options.kind)
      const request = requestOf({ kind, code: '', ...(options.data ? { datasets: options.data } : {}) }, options, io)
      const target =
        options.output === undefined ? undefined : await targetOf(options.output, { tableOnly: kind === 'sql' })
      request.code = path === '-' ? await readStdin(signal) : await readFileText(path)
      if (request.code.trim() === '') throw new ArchipelError('BAD_INPUT', `${path}: there is nothing to run`)
      if (options.dryRun) return dryRun(cli, request)
      if (options.detach) return detach(cli, request)
      const view = await runToEnd(cli, request, options)
      const client = await cli.client()
      await printResult(io, { client, view, signal }, { csv: options.csv, target })
      if (!options.follow) await printed(cli, client, view)
      io.note(summary(view))
    })
}
