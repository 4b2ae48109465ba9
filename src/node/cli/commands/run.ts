import { type Command, Option } from 'commander'
import { type TaskKind, taskKind } from '../../../protocols/model/task.ts'
import { fillIn, kindOf } from '../code-input.ts'
import type { Cli } from '../context.ts'
import { printResult } from '../print-result.ts'
import { detach, dryRun, printed, runToEnd } from '../run-task.ts'
import { targetOf } from '../save-result.ts'
import { onSpark, SPARK_HELP, type SparkOptions, sparkOptions } from '../spark-options.ts'
import { PROGRAM_HELP, requestOf, SQL_HELP, type TaskOptions, taskOptions } from '../task-options.ts'
import { summary } from '../task-words.ts'

interface Options extends TaskOptions, SparkOptions {
  data?: string[]
  kind?: TaskKind
  follow?: boolean
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<file>', 'a file with SQL, Python, R or Scala, or a JAR; - for standard input')
    .option(
      '--data <id>',
      'a dataset that it reads: id or short name (repeatable); those of SQL are found in it',
      (value: string, before: string[] = []) => [...before, value],
    )
    .addOption(new Option('--kind <language>', 'what it is, whatever the file is called').choices(taskKind.options))
    .option('--follow', 'print what it prints while it runs, and each change')
  taskOptions(sparkOptions(command))
    .addHelpText(
      'after',
      `\nCtrl-C cancels the task; --detach leaves it to itself.\n${PROGRAM_HELP}${SQL_HELP}${SPARK_HELP}\nExample:\n  $ archipel run colours.py --data bright_stars --param limit=5 --output colours/\n  $ archipel run - --kind python --data bright_stars < colours.py\n  $ archipel run count.scala --data bright_stars\n  $ archipel run job.jar --class org.example.Job --arg 2026 --executor-memory 4g`,
    )
    .action(async (path: string, options: Options) => {
      const { io, signal } = cli
      const kind = kindOf(path, options.kind)
      const task = { kind, code: '', ...(options.data ? { datasets: options.data } : {}), ...onSpark(kind, options) }
      const request = requestOf(task, options, io)
      const target =
        options.output === undefined ? undefined : await targetOf(options.output, { tableOnly: kind === 'sql' })
      // What the cluster lists calls it by the same name.
      if (request.batch !== undefined && options.name !== undefined)
        request.spark = { ...request.spark, name: options.name }
      await fillIn(cli, path, request)
      if (options.dryRun) return dryRun(cli, request)
      if (options.detach) return detach(cli, { request })
      const view = await runToEnd(cli, { request }, options)
      const client = await cli.client()
      await printResult(io, { client, view, signal }, { csv: options.csv, target })
      if (!options.follow) await printed(cli, client, view)
      io.note(summary(view))
    })
}
