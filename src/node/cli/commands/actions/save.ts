import { type Command, Option } from 'commander'
import { type TaskKind, taskKind } from '../../../../protocols/model/task.ts'
import type { ActionRequest } from '../../../../protocols/model/views.ts'
import { paramsOf } from '../../action-params.ts'
import { fillIn, kindOf } from '../../code-input.ts'
import type { Cli } from '../../context.ts'
import { durationOf, TIMEOUT } from '../../duration.ts'
import { onSpark, type SparkOptions, sparkOptions } from '../../spark-options.ts'
import { wholeNumber } from '../../whole-number.ts'

const MAX_ROWS = 10_000_000
const collect = (value: string, before: string[] = []) => [...before, value]

interface Options extends SparkOptions {
  kind?: TaskKind
  description?: string
  data?: string[]
  param?: string[]
  describe?: string[]
  timeout?: string
  maxRows?: string
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<name>', 'the name by which it is run')
    .argument('<file>', 'a file with SQL, Python, R or Scala, or a JAR; - for standard input')
    .addOption(new Option('--kind <language>', 'what it is, whatever the file is called').choices(taskKind.options))
    .option('--description <text>', 'what it does')
    .option('--data <id>', 'a dataset that it reads where a run names no other (repeatable)', collect)
    .option(
      '--param <name:type=default>',
      'a parameter: text, number, integer or boolean; without a default a run has to give it (repeatable)',
      collect,
    )
    .option('--describe <parameter=words>', 'what a parameter means (repeatable)', collect)
    .option('--timeout <duration>', 'e.g. 30s; at most what the island allows')
    .option('--max-rows <n>', 'rows of the result; at most what the island allows')
  sparkOptions(command)
    .addHelpText(
      'after',
      '\nSaved again, it is replaced; what others see of it changes at the next share.\n\nExample:\n  $ archipel actions save brightest brightest.sql --param limit:integer=5 --describe "limit=how many stars"\n  $ archipel actions save yearly job.jar --class org.example.Job --param year:integer --arg {year}',
    )
    .action(async (name: string, path: string, options: Options) => {
      const { io, signal } = cli
      const kind = kindOf(path, options.kind)
      const request: ActionRequest = { name, kind, code: '', ...onSpark(kind, options) }
      if (options.description !== undefined) request.description = options.description
      if (options.data !== undefined) request.datasets = options.data
      request.params = paramsOf(options.param ?? [], options.describe ?? [])
      if (options.timeout !== undefined) request.timeoutMs = durationOf(options.timeout, TIMEOUT)
      if (options.maxRows !== undefined) request.maxRows = wholeNumber(options.maxRows, '--max-rows', MAX_ROWS)
      await fillIn(cli, path, request)
      const view = await (await cli.client()).actions.save(request, { signal })
      if (io.json) return io.printJson(view)
      io.print(view.id)
      io.note(`Next: archipel actions run ${name}; archipel actions share ${name} shows it to all islands`)
    })
}
