/** Versions of a dataset, and what differs between them, in words. */
import type { DatasetUpdate, DatasetVersions, FileChange, VersionChanges } from '../../protocols/model/versions.ts'
import { clean } from './clean.ts'
import { bytes, count, plural } from './format.ts'
import type { Io } from './io.ts'
import { table } from './table.ts'

const MARKS = { added: '+', changed: '~', removed: '-' } as const
const KINDS = ['added', 'changed', 'removed'] as const

function changeLine({ path, change, bytesBefore, bytesAfter }: FileChange): string {
  const size =
    bytesBefore !== undefined && bytesAfter !== undefined && bytesBefore !== bytesAfter
      ? `${bytes(bytesBefore)} -> ${bytes(bytesAfter)}`
      : bytes(bytesAfter ?? bytesBefore ?? 0)
  return `${MARKS[change]} ${clean(path)}  ${size}`
}

/** One line a file, and the sums. */
export function describeChanges(changes: VersionChanges, files: readonly FileChange[]): string {
  const lines = files.map(changeLine)
  const more = KINDS.reduce((sum, kind) => sum + changes[kind].files, 0) - files.length
  if (more > 0) lines.push(`  and ${plural(more, 'more file')}`)
  const sums = KINDS.filter((kind) => changes[kind].files > 0).map(
    (kind) => `${kind} ${plural(changes[kind].files, 'file')} (${bytes(changes[kind].bytes)})`,
  )
  return [...lines, sums.length === 0 ? 'no file differs' : sums.join(', ')].join('\n')
}

export function describeUpdate(update: DatasetUpdate): string {
  const { id, from, version, changed, recorded, changes, files, hashed, reused } = update
  const work = `${bytes(hashed.bytes)} read, ${bytes(reused.bytes)} in ${plural(reused.files, 'file')} known already`
  if (!changed) return `${clean(id)}: nothing changed (${work})`
  const lines = from === version ? [] : [describeChanges(changes, files), work]
  const what =
    from === version ? 'other words, the same files' : `version ${version.slice(0, 12)}, before ${from.slice(0, 12)}`
  return [...lines, `${clean(id)}: ${what}${recorded ? '' : '; nothing was written'}`].join('\n')
}

const VERSIONS = [
  { header: 'VERSION', min: 12 },
  { header: 'PUBLISHED' },
  { header: 'FILES', align: 'right' as const },
  { header: 'SIZE', align: 'right' as const },
  { header: 'HELD BY', min: 8 },
]

export function describeVersions({ id, items }: DatasetVersions, io: Io): string {
  const rows = items.map(({ version, current, modified, files, size, holders }) => [
    `${version.slice(0, 12)}${current ? ' *' : ''}`,
    modified ?? '-',
    files === undefined ? '-' : count(files),
    size === undefined ? '-' : bytes(size),
    holders.map((h) => `${clean(h.name)} (${h.state})`).join(', ') || 'nobody',
  ])
  return `${clean(id)}; * is the present version\n${table(VERSIONS, rows, { width: io.width, style: (text) => io.style('bold', text) })}`
}
