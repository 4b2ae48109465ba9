import type { Command } from 'commander'
import type { IslandStatus } from '../../../protocols/model/views.ts'
import { clean } from '../clean.ts'
import type { Cli } from '../context.ts'
import { age, bytes, count, milliseconds, plural } from '../format.ts'
import type { Io } from '../io.ts'

function reachability({ reachable, announced }: IslandStatus): string {
  const where = announced.length === 0 ? 'no address is announced' : announced.join(', ')
  return reachable === 'unknown' ? `not known yet (${where})` : `${reachable ? 'yes' : 'no'} (${where})`
}

const relayWords = ({ islands, connectionBytes, connectionMs }: NonNullable<IslandStatus['relay']>) =>
  `for ${plural(islands, 'island')} at most; a connection carries ${bytes(connectionBytes)} in ${milliseconds(connectionMs)}, then is made again`

function facts(status: IslandStatus): [string, string][] {
  const { peers, relay, catalog, engines, disk } = status
  const relayed = peers.relayed === 0 ? '' : `, ${peers.relayed} of them through others`
  const roles = [status.roles.admin ? 'admin' : '', status.roles.mayInvite ? 'may invite' : '']
    .filter(Boolean)
    .join(', ')
  return [
    ['island', `${status.name} (${status.id})`],
    ['archipelago', `${status.archipelago.name} (${status.archipelago.id})`],
    ['up since', `${status.startedAt} (${age(status.startedAt)}), version ${status.software}`],
    ['web', status.web],
    ['listening', status.listening.join(', ') || 'no: dials out only'],
    ['reachable', reachability(status)],
    ...(relay === undefined ? [] : ([['relays', relayWords(relay)]] as [string, string][])),
    ['islands', `${peers.connected} connected${relayed}, ${plural(peers.members, 'member')}`],
    [
      'catalog',
      `${plural(catalog.datasets, 'dataset')}, ${plural(catalog.records, 'record')} of ${plural(catalog.origins, 'island')}`,
    ],
    [
      'engines',
      engines.map((e) => `${e.kind} ${e.version} ${e.state}${e.sandbox ? ', sandboxed' : ''}`).join('; ') || 'none',
    ],
    ['disk', `${bytes(disk.freeBytes)} free of ${bytes(disk.totalBytes)}`],
    ['memory', bytes(status.memoryBytes)],
    ['may', roles || 'nothing special'],
    ...(catalog.quarantined.length === 0
      ? []
      : ([['quarantined', catalog.quarantined.join(', ')]] as [string, string][])),
  ]
}

function print(io: Io, status: IslandStatus): void {
  for (const [label, text] of facts(status)) io.print(`${label.padEnd(13)}${clean(text)}`)
  const findings = status.findings.filter((finding) => finding.severity !== 'ok')
  io.print('')
  if (findings.length === 0) io.print(io.style('green', 'All is well.'))
  for (const { severity, message, remedy, code } of findings) {
    io.print(`${io.style(severity === 'error' ? 'red' : 'yellow', severity)}: ${clean(message)} [${clean(code)}]`)
    io.print(`  what to do: ${clean(remedy)}`)
  }
  const errors = findings.filter((finding) => finding.severity === 'error').length
  if (errors > 0) io.note(`${count(errors)} of these need you.`)
}

export function define(command: Command, cli: Cli): void {
  command
    .addHelpText(
      'after',
      '\nThe exit code is 1 when something is wrong that needs you.\n\nExample:\n  $ archipel status',
    )
    .action(async () => {
      const client = await cli.client()
      const status = await client.status({ signal: cli.signal })
      if (cli.io.json) cli.io.printJson(status)
      else print(cli.io, status)
      cli.exitCode = status.findings.some((finding) => finding.severity === 'error') ? 1 : 0
    })
}
