import type { Command } from 'commander'
import type { SubscriptionPlan } from '../../../protocols/model/subscription.ts'
import { parseBytes } from '../../config/units.ts'
import { clean } from '../clean.ts'
import type { Cli } from '../context.ts'
import { parseFilter } from '../dataset-filter.ts'
import { bytes, plural } from '../format.ts'
import type { Io } from '../io.ts'
import { metWords } from '../subscription-words.ts'
import { table } from '../table.ts'

const COLUMNS = [
  { header: 'NAME', min: 10 },
  { header: 'SIZE', align: 'right' as const, min: 7 },
  { header: 'PUBLISHER', min: 8 },
  { header: 'ID', min: 12, optional: true },
]

interface Options {
  fromStart?: boolean
  files?: string[]
  maxBytes?: string
  dryRun?: boolean
}

function printPlan(io: Io, { matching, fetched, items }: SubscriptionPlan): void {
  const rows = items.map((each) => [each.name, bytes(each.bytes), each.publisher.name, each.dataset])
  if (rows.length > 0) io.print(table(COLUMNS, rows, { width: io.width, style: (text) => io.style('bold', text) }))
  if (rows.length < matching.datasets) io.note(`and ${plural(matching.datasets - rows.length, 'more dataset')}`)
  io.print(
    `${plural(matching.datasets, 'dataset')} of other islands match now, ${bytes(matching.bytes)}; it would begin with ${plural(fetched.datasets, 'dataset')}, ${bytes(fetched.bytes)}`,
  )
}

export function define(command: Command, cli: Cli): void {
  command
    .argument(
      '<conditions...>',
      'as for datasets --filter: keyword=, island=, format=, minSize=1MB, maxSize=, size<=, cone=ra,dec,radius; other words are looked for in the text',
    )
    .option('--from-start', 'also fetch what is known now (default: only what comes later)')
    .option(
      '--files <glob>',
      'only files whose path matches, ** for any folders (repeatable)',
      (value: string, before: string[] = []) => [...before, value],
    )
    .option('--max-bytes <size>', 'bytes that it may ask for in all; then it is paused')
    .option('--dry-run', 'say what matches now, and what it would begin with')
    .addHelpText(
      'after',
      "\nAll conditions have to be met. Each version is fetched once; what is dropped here is not fetched again.\n\nExample:\n  $ archipel subscribe keyword=stars 'size<=2GB' --from-start --files '**/*.parquet'",
    )
    .action(async (given: string[], { fromStart, files, maxBytes, dryRun }: Options) => {
      const { io, signal } = cli
      const isCondition = (text: string) => /^\s*[A-Za-z]+\s*(>=|<=|=)/.test(text)
      const filter = parseFilter(
        given.filter((text) => !isCondition(text)),
        given.filter(isCondition),
      )
      const request = { filter, files, fromStart, maxBytes: maxBytes === undefined ? undefined : parseBytes(maxBytes) }
      const client = await cli.client()
      if (dryRun) {
        const plan = await client.subscriptions.plan(request, { signal })
        return io.json ? io.printJson(plan) : printPlan(io, plan)
      }
      const view = await client.subscriptions.create(request, { signal })
      if (io.json) return io.printJson(view)
      io.print(clean(view.id))
      io.note(`datasets: ${metWords(view)}; follow it with: archipel subscriptions show ${view.id}`)
    })
}
