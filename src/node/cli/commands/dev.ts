import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import type { Cli } from '../context.ts'
import { withProgress } from '../progress.ts'
import { table } from '../table.ts'
import { wholeNumber } from '../whole-number.ts'

const MAX_ISLANDS = 50

export function define(command: Command, cli: Cli): void {
  command
    .option('--islands <n>', `how many, at most ${MAX_ISLANDS}`, '3')
    .option('--base-dir <dir>', 'keep the data there (default: a temporary directory, removed at the end)')
    .addOption(new Option('--log-level <level>', 'least level that is logged').default('warn'))
    .addHelpText('after', '\nExample:\n  $ archipel dev --islands 3')
    .action(async ({ islands, baseDir, logLevel }: { islands: string; baseDir?: string; logLevel: string }) => {
      const { io, signal } = cli
      const number = wholeNumber(islands, '--islands', MAX_ISLANDS)
      const { log } = await cli.config({ set: [`log.level=${logLevel}`] })
      const [{ startDev }, { createLogger }] = await Promise.all([cli.daemon(), import('../logger.ts')])
      cli.endsBySignal()
      const base = baseDir === undefined ? undefined : resolve(baseDir)
      const start = () => startDev({ islands: number, baseDir: base, signal, logger: createLogger(log) })
      const dev = await withProgress(io, `starting ${number} islands`, start).catch((error) => {
        if (signal.aborted) return undefined
        throw error
      })
      if (dev === undefined) return
      try {
        if (io.json) io.printJson({ archipelago: dev.archipelago, islands: dev.islands })
        else {
          const columns = [{ header: 'NAME' }, { header: 'WEB', min: 22 }, { header: 'DATA DIRECTORY' }]
          io.print(
            table(
              columns,
              dev.islands.map((i) => [i.name, i.url, i.dataDir]),
              { width: Number.POSITIVE_INFINITY },
            ),
          )
          io.note(`Try: archipel --data-dir ${dev.islands[0]?.dataDir} islands\nCtrl-C stops all.`)
        }
        if (!signal.aborted)
          await new Promise<void>((done) => signal.addEventListener('abort', () => done(), { once: true }))
      } finally {
        await dev.stop()
      }
    })
}
