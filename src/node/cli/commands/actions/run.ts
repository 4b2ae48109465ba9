import type { Command } from 'commander'
import { ArchipelError } from '../../../../protocols/model/errors.ts'
import { valuesFor } from '../../action-params.ts'
import type { Cli } from '../../context.ts'
import { printResult } from '../../print-result.ts'
import { detach, printed, runToEnd } from '../../run-task.ts'
import { targetOf } from '../../save-result.ts'
import { requestOf, type TaskOptions, taskOptions } from '../../task-options.ts'
import { summary } from '../../task-words.ts'

interface Options extends TaskOptions {
  data?: string[]
  follow?: boolean
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<action>', 'its id or name')
    .option(
      '--data <id>',
      'a dataset that it reads instead of its own (repeatable)',
      (value: string, before: string[] = []) => [...before, value],
    )
    .option('--follow', 'print what it prints while it runs, and each change')
  taskOptions(command)
    .addHelpText(
      'after',
      '\nA parameter is read as its type says. The task is an ordinary one: `archipel task` shows, cancels and retries it.\n\nExample:\n  $ archipel actions run brightest --param limit=3 --csv',
    )
    .action(async (ref: string, options: Options) => {
      const { io, signal } = cli
      if (options.dryRun)
        throw new ArchipelError('BAD_INPUT', '--dry-run does not go with an action', {
          hint: '`archipel run --dry-run` explains the choice of an island for its code.',
        })
      const { param = [], ...others } = options
      const client = await cli.client()
      const action = await client.actions.show(ref, { signal })
      const { kind: _, code: __, ...request } = requestOf({ kind: action.kind, code: '' }, others, io)
      const target =
        options.output === undefined ? undefined : await targetOf(options.output, { tableOnly: action.kind === 'sql' })
      if (options.data !== undefined) request.datasets = options.data
      const params = valuesFor(action.params, param)
      if (Object.keys(params).length > 0) request.params = params
      const ask = { action: action.id, request }
      if (options.detach) return detach(cli, ask)
      const view = await runToEnd(cli, ask, options)
      await printResult(io, { client, view, signal }, { csv: options.csv, target })
      if (!options.follow) await printed(cli, client, view)
      io.note(summary(view))
    })
}
