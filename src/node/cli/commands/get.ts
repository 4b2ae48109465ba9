import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Command, Option } from 'commander'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import { type TransferPriority, transferPriority } from '../../../protocols/model/transfer.ts'
import type { TransferPlan, TransferView } from '../../../protocols/model/views.ts'
import type { IslandClient } from '../../../web/client/index.ts'
import { clean } from '../clean.ts'
import type { Cli } from '../context.ts'
import { bytes, milliseconds, plural } from '../format.ts'
import type { Io } from '../io.ts'
import { withProgress } from '../progress.ts'
import { table } from '../table.ts'
import { failureOf, isOver, progressWords } from '../transfer-words.ts'

/** Milliseconds between two looks at a transfer. */
const EVERY_MS = 300
/** Milliseconds that the island has to pause it, after Ctrl-C. */
const PAUSE_MS = 5000

const SOURCES = [
  { header: 'FROM', min: 8 },
  { header: 'STATE', min: 9 },
  { header: 'ROUND TRIP', align: 'right' as const },
]

const collect = (value: string, before: string[] = []) => [...before, value]

interface Options {
  files?: string[]
  to?: string
  datasetVersion?: string
  priority?: TransferPriority
  follow?: boolean
  dryRun?: boolean
  detach?: boolean
  checksums?: boolean
}

function printPlan(io: Io, plan: TransferPlan): void {
  const { wanted, here, missing } = plan
  const rows = plan.sources.map((s) => [s.name, s.state, s.rttMs === undefined ? '-' : milliseconds(s.rttMs)])
  io.print(`${clean(plan.dataset)}, version ${plan.version.slice(0, 12)}`)
  io.print(`asked for  ${plural(wanted.files, 'file')}, ${bytes(wanted.bytes)}`)
  if (here.bytes > 0 || here.files > 0) io.print(`here       ${plural(here.files, 'file')}, ${bytes(here.bytes)}`)
  io.print(`would move ${plural(missing.files, 'file')}, ${bytes(missing.bytes)}`)
  io.print(`room       ${bytes(plan.freeBytes)} on the disk, ${bytes(plan.quotaLeftBytes)} by the quota`)
  if (rows.length > 0)
    io.print(`\n${table(SOURCES, rows, { width: io.width, style: (text) => io.style('bold', text) })}`)
  else io.note('no other island that is known has it')
}

async function follow({ io, signal }: Cli, client: IslandClient, first: TransferView): Promise<TransferView> {
  return await withProgress(io, first.state, async (progress) => {
    for (let view = first; ; view = await client.transfers.show(first.id, { signal })) {
      progress.update(progressWords(view), view.done.bytes, view.wanted.bytes)
      if (isOver(view)) return view
      await sleep(EVERY_MS, undefined, { signal })
    }
  })
}

/** Ctrl-C leaves nothing running that nobody watches. */
async function stopped(io: Io, client: IslandClient, { id }: TransferView, cause: unknown): Promise<never> {
  const view = await client.transfers.pause(id, { signal: AbortSignal.timeout(PAUSE_MS) }).catch(() => undefined)
  const hint = `Go on with: archipel transfers resume ${id}`
  io.note(view === undefined ? `It goes on; stop it with: archipel transfers pause ${id}` : `Paused. ${hint}`)
  throw new ArchipelError('CANCELLED', 'the transfer was paused', { hint, cause })
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<dataset>', 'its id in any spelling, or its short name')
    .option('--files <glob>', 'only files whose path matches, ** for any folders (repeatable)', collect)
    .option('--to <dir>', 'bring the files to this folder of the machine of the island, by links where that can be')
    .option('--dataset-version <v>', 'this version, or its first eight digits (default: the newest)')
    .addOption(new Option('--priority <level>', 'before or after others that wait').choices(transferPriority.options))
    .option('--follow', 'fetch new versions, too, as they are published (default: this one alone)')
    .option('--dry-run', 'say what would be moved, and from where')
    .option('--detach', 'do not wait for its end')
    .option('--checksums', 'print the SHA-256 of the files in the form of sha256sum')
    .addHelpText(
      'after',
      "\nCtrl-C pauses the transfer.\n\nExample:\n  $ archipel get survey --files '2026/**' --to ~/survey",
    )
    .action(
      async (
        ref: string,
        { files, to, datasetVersion, priority, follow: follows, dryRun, detach, checksums }: Options,
      ) => {
        const { io, signal } = cli
        if (detach && checksums) throw new ArchipelError('BAD_INPUT', 'give --detach or --checksums, not both')
        const request = { files, version: datasetVersion }
        const client = await cli.client()
        if (dryRun) {
          const plan = await client.getPlan(ref, request, { signal })
          return io.json ? io.printJson(plan) : printPlan(io, plan)
        }
        const asked = { ...request, to: to === undefined ? undefined : resolve(to), priority, follow: follows }
        const first = await client.get(ref, asked, { signal })
        if (detach) {
          if (io.json) return io.printJson(first)
          io.print(first.id)
          return io.note(`Follow it with: archipel transfers show ${first.id}`)
        }
        cli.goesOn = `The transfer is kept and goes on when the island is up again: archipel transfers show ${first.id}`
        const view = await follow(cli, client, first).catch((cause: unknown) => {
          if (!signal.aborted) throw cause
          return stopped(io, client, first, cause)
        })
        if (view.state !== 'available' && view.state !== 'partial') throw failureOf(view)
        if (checksums) {
          const sums = await client.verify(ref, { checksums: true }, { signal })
          if (io.json) return io.printJson({ ...view, checksums: sums.checksums })
          for (const { path, sha256 } of sums.checksums ?? []) io.print(`${sha256}  ${clean(path)}`)
          return
        }
        if (io.json) return io.printJson(view)
        io.print(
          `${clean(view.dataset)}: ${plural(view.wanted.files, 'file')}, ${bytes(view.wanted.bytes)}, ${view.state} here`,
        )
      },
    )
}
