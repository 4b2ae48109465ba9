/** A dataset in words. */
import type { Loss } from '../../protocols/model/dataset.ts'
import type { DatasetView } from '../../protocols/model/views.ts'
import { clean, cleanLines } from './clean.ts'
import { bytes, count, plural } from './format.ts'
import type { Io } from './io.ts'
import { table } from './table.ts'

function coverageLines({ body }: DatasetView): string[] {
  const { spatial, temporal } = body.coverage ?? {}
  const lines: string[] = []
  if (spatial !== undefined) {
    const { raMin, raMax, decMin, decMax } = spatial.box
    lines.push(
      `RA ${degrees(raMin)} to ${degrees(raMax)}, Dec ${degrees(decMin)} to ${degrees(decMax)} (${spatial.frame}, degrees)`,
    )
  }
  if (temporal !== undefined) lines.push(`${temporal.start} to ${temporal.end}`)
  return lines
}

const degrees = (value: number) => String(Number(value.toFixed(4)))

/** What is lost, in words. */
export function lossWords(lost: Loss): string {
  return lost === 'all' ? 'no island has a file of it any more' : 'no island has all of it any more, only parts'
}

function facts(view: DatasetView): [string, string][] {
  const { body, publisher } = view
  const creators = body.creators.map(
    (c) => `${c.name}${c.orcid ? ` <${c.orcid}>` : ''}${c.affiliation ? ` (${c.affiliation})` : ''}`,
  )
  const amount = `${body.format}, ${plural(body.files, 'file')}, ${bytes(body.size)}${body.rows === undefined ? '' : `, ${plural(body.rows, 'row')}`}`
  const rows: [string, string | undefined][] = [
    ['id', view.id],
    ['name', body.name],
    ['aliases', body.aliases.join(', ')],
    ['publisher', `${publisher.name} (${publisher.id})`],
    ['creators', creators.join('; ')],
    ['keywords', body.keywords.join(', ')],
    ['licence', body.licence],
    ['origin', body.origin],
    ['data', amount],
    ['coverage', coverageLines(view).join('; ')],
    ['version', body.version],
    ['modified', body.modified],
    [
      'held by',
      view.holders
        .map((h) => `${h.name} (${h.state}${h.version === body.version ? '' : `, version ${h.version.slice(0, 12)}`})`)
        .join(', ') || 'nobody',
    ],
    ['lost', view.lost === undefined ? undefined : lossWords(view.lost)],
  ]
  return rows.filter((row): row is [string, string] => row[1] !== undefined && row[1] !== '')
}

export function describeDataset(view: DatasetView, io: Io, { brief }: { brief: boolean }): string {
  const { body } = view
  const parts = [
    io.style('bold', clean(body.title)),
    ...facts(view).map(([label, text]) => `${label.padEnd(11)}${clean(text)}`),
  ]
  if (!brief && body.description !== undefined) parts.push('', cleanLines(body.description).trim())
  if (body.columns !== undefined && brief) parts.push(`columns    ${count(body.columns.length)}`)
  if (body.columns !== undefined && !brief) {
    const header = [
      { header: 'COLUMN' },
      { header: 'TYPE' },
      { header: 'UNIT' },
      { header: 'UCD' },
      { header: 'MEANING' },
    ]
    const rows = body.columns.map((c) => [c.name, c.type, c.unit ?? '', c.ucd ?? '', c.description ?? ''])
    const used = header.map((_, i) => i < 2 || rows.some((row) => row[i] !== ''))
    const only = <T>(items: T[]) => items.filter((_, i) => used[i])
    parts.push('', table(only(header), rows.map(only), { width: io.width, style: (text) => io.style('bold', text) }))
  }
  return parts.join('\n')
}
