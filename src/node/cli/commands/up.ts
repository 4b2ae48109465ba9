import type { Command } from 'commander'
import type { Config } from '../../config/schema.ts'
import type { Cli } from '../context.ts'
import type { StartedIsland } from '../daemon-port.ts'
import { settingsFlags } from '../settings-flags.ts'

function banner(cli: Cli, config: Config, island: StartedIsland): void {
  const { io } = cli
  if (io.json) {
    const { name, id, archipelago, url, peerId, addresses } = island
    io.printJson({ name, id, archipelago, url, peerId, addresses, dataDir: config.dataDir, pid: process.pid })
    return
  }
  const rows: [string, string][] = [
    ['island', `${io.style('bold', island.name)} (${island.id})`],
    ['archipelago', `${island.archipelago.name} (${island.archipelago.id})`],
    ['web', island.url ?? 'off'],
    [
      'addresses',
      island.addresses.length === 0 ? 'none: dials out only' : island.addresses.join(`\n${' '.repeat(13)}`),
    ],
    ['data', config.dataDir],
  ]
  for (const [label, text] of rows) io.print(`${label.padEnd(13)}${text}`)
  io.note('The island is up; Ctrl-C stops it.')
}

/** Runs the island until a signal, or until it stops by itself. */
export async function stayUp(cli: Cli, config: Config): Promise<void> {
  const [{ startIsland }, { createLogger }] = await Promise.all([cli.daemon(), import('../logger.ts')])
  const logger = createLogger(config.log)
  cli.endsBySignal()
  let island: StartedIsland
  try {
    island = await startIsland({ config, signal: cli.signal, logger })
  } catch (error) {
    // Told to stop before it was up: that is what happened.
    if (cli.signal.aborted) return
    throw error
  }
  const aborted = Promise.withResolvers<void>()
  const onAbort = () => aborted.resolve()
  cli.signal.addEventListener('abort', onAbort, { once: true })
  if (cli.signal.aborted) onAbort()
  else banner(cli, config, island)
  try {
    await Promise.race([island.stopped, aborted.promise])
    if (cli.signal.aborted) cli.io.note('Stopping; the same signal again forces it.')
  } finally {
    cli.signal.removeEventListener('abort', onAbort)
    await island.stop()
  }
}

export function define(command: Command, cli: Cli): void {
  const settingsOf = settingsFlags(command)
  command
    .addHelpText(
      'after',
      '\nExample:\n  $ archipel up --listen /ip4/0.0.0.0/tcp/9410 --announce /dns4/island.example.org/tcp/9410',
    )
    .action(async (options) => stayUp(cli, await cli.config(settingsOf(options))))
}
