import type { Command } from 'commander'
import type { ActionView } from '../../../../protocols/model/views.ts'
import { paramText } from '../../action-params.ts'
import { clean, cleanLines } from '../../clean.ts'
import type { Cli } from '../../context.ts'
import type { Io } from '../../io.ts'

function facts(view: ActionView): [string, string][] {
  const { batch, spark, shared } = view
  const params = Object.entries(view.params).map(([name, param]): [string, string] => [
    'param',
    `${paramText(name, param)}${param.description === undefined ? '' : `  ${param.description}`}`,
  ])
  const rows: [string, string][] = [
    ['id', view.id],
    ['about', view.description ?? ''],
    ['of', `${view.publisher.name}${view.user === undefined ? '' : `, saved by ${view.user}`}`],
    ['changed', view.modified],
    [
      'shared',
      shared === undefined ? '' : `${shared.time}${shared.version === view.version ? '' : ', an earlier version'}`,
    ],
    ['version', view.version.slice(0, 12)],
    ['data', view.datasets.join(', ')],
    ...params,
    ['engine', view.engine ?? ''],
    ['main', batch?.main === undefined ? '' : `${batch.main.name}, SHA-256 ${batch.main.sha256.slice(0, 12)}`],
    ['class', batch?.className ?? ''],
    ['args', (batch?.args ?? []).map((arg) => JSON.stringify(arg)).join(' ')],
    ['spark', spark === undefined ? '' : JSON.stringify(spark)],
  ]
  return rows.filter(([, value]) => value !== '')
}

function print(io: Io, view: ActionView): void {
  for (const [label, value] of facts(view)) io.print(label.padEnd(10) + clean(value))
  const code = cleanLines(view.code).trimEnd()
  if (code !== '') io.print(`\n${view.kind}\n${code.replace(/^/gm, '    ')}`)
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<action>', 'its id or name')
    .addHelpText('after', '\nExample:\n  $ archipel actions show brightest')
    .action(async (ref: string) => {
      const { io, signal } = cli
      const view = await (await cli.client()).actions.show(ref, { signal })
      if (io.json) io.printJson(view)
      else print(io, view)
    })
}
