import { setTimeout as sleep } from 'node:timers/promises'
import { type Command, Option } from 'commander'
import { REQUEST_ENDS, type ReplicaRequestView } from '../../../protocols/model/replica-request.ts'
import { type TransferPriority, transferPriority } from '../../../protocols/model/transfer.ts'
import type { IslandClient } from '../../../web/client/index.ts'
import { clean } from '../clean.ts'
import type { Cli } from '../context.ts'
import { plural } from '../format.ts'
import { withProgress } from '../progress.ts'
import { doneWords, failureOf, stateWords } from '../request-words.ts'

/** Milliseconds between two looks at a request. */
const EVERY_MS = 300

const GOOD = new Set<ReplicaRequestView['state']>(['promised', 'available', 'partial'])

interface Options {
  to: string
  files?: string[]
  datasetVersion?: string
  priority?: TransferPriority
  whenUsed?: boolean
  dryRun?: boolean
  detach?: boolean
}

async function follow(cli: Cli, client: IslandClient, first: ReplicaRequestView): Promise<ReplicaRequestView> {
  const { io, signal } = cli
  return await withProgress(io, first.state, async (progress) => {
    for (let view = first; ; view = await client.requests.show(first.id, { signal })) {
      progress.update(clean(stateWords(view)), view.done?.bytes ?? 0, view.wanted?.bytes ?? 0)
      if (REQUEST_ENDS.has(view.state) || view.state === 'promised') return view
      await sleep(EVERY_MS, undefined, { signal })
    }
  })
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<dataset>', 'its id in any spelling, or its short name')
    .requiredOption('--to <island>', 'the island that shall hold it: its name or id')
    .option(
      '--files <glob>',
      'only files whose path matches, ** for any folders (repeatable)',
      (value: string, before: string[] = []) => [...before, value],
    )
    .option('--dataset-version <v>', 'this version, or its first eight digits (default: the newest)')
    .addOption(new Option('--priority <level>', 'before or after others that wait').choices(transferPriority.options))
    .option('--when-used', 'promise it now, and fetch it when somebody reads or gets it there for the first time')
    .option('--dry-run', 'ask that island what it would say')
    .option('--detach', 'do not wait for its end')
    .addHelpText(
      'after',
      '\nThat island decides by its own rules, and fetches from whoever has it. It may be away now. Ctrl-C leaves the request as it is.\nWith --when-used it keeps the list of the files and room for them: the request stays promised until it is used there, or cancelled.\n\nExample:\n  $ archipel replicate survey --to grenoble --detach\n  $ archipel replicate survey --to grenoble --files "2026/**" --when-used',
    )
    .action(async (ref: string, { to, files, datasetVersion, priority, whenUsed, dryRun, detach }: Options) => {
      const { io, signal } = cli
      const client = await cli.client()
      const first = await client.replicate(
        ref,
        { to, files, version: datasetVersion, priority, whenUsed, dryRun },
        { signal },
      )
      if (dryRun && !io.json)
        return io.print(clean(`${first.island.name} would answer: ${stateWords(first)}, ${doneWords(first)}`))
      if (dryRun || (detach && io.json)) return io.printJson(first)
      if (detach) {
        io.print(first.id)
        return io.note(`Follow it with: archipel requests show ${first.id}`)
      }
      cli.goesOn = `The request is kept and goes on: archipel requests show ${first.id}`
      const view = await follow(cli, client, first)
      if (!GOOD.has(view.state)) throw failureOf(view)
      if (io.json) return io.printJson(view)
      const what = view.wanted === undefined ? '' : `${plural(view.wanted.files, 'file')}, `
      io.print(clean(`${view.dataset}: ${what}${view.state} at ${view.island.name}`))
    })
}
