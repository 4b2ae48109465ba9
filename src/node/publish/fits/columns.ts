import type { Column } from '../../../protocols/model/dataset.ts'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import { type Header, natural, number, text } from './cards.ts'

/** A column of a FITS table and where its values lie in a row. */
export interface FitsColumn extends Column {
  /** Bytes from the start of the row. */
  offset: number
  /** The letter of its TFORM; lower case stands for an ASCII table. */
  code: string
  repeat: number
  scale: number
  zero: number
}

const TYPES: Record<string, [type: string, bytes: number]> = {
  L: ['BOOLEAN', 1],
  X: ['BIT', 1 / 8],
  B: ['UTINYINT', 1],
  I: ['SMALLINT', 2],
  J: ['INTEGER', 4],
  K: ['BIGINT', 8],
  A: ['VARCHAR', 1],
  E: ['FLOAT', 4],
  D: ['DOUBLE', 8],
  C: ['FLOAT[2]', 8],
  M: ['DOUBLE[2]', 16],
  P: ['', 8],
  Q: ['', 16],
}
const MAX_COLUMNS = 2000

/**
 * Columns of a BINTABLE or TABLE (FITS 4.0, 7.3 and 7.2): names, types as DuckDB would name them, units, UCDs (TUCDn, a
 * convention) and comments (TCOMMn). @throws UNREADABLE
 */
export function tableColumns(header: Header, ascii: boolean): FitsColumn[] {
  const fields = natural(header, 'TFIELDS')
  if (fields > MAX_COLUMNS) throw new ArchipelError('UNREADABLE', `the FITS table has more than ${MAX_COLUMNS} columns`)
  const columns: FitsColumn[] = []
  let offset = 0
  for (let i = 1; i <= fields; i++) {
    const form = text(header, `TFORM${i}`) ?? ''
    const parsed = ascii ? asciiForm(form) : binaryForm(form)
    if (parsed === undefined) throw new ArchipelError('UNREADABLE', `the FITS keyword TFORM${i} is not a format`)
    const column: FitsColumn = {
      name: (text(header, `TTYPE${i}`) ?? `col${i}`).slice(0, 256),
      type: parsed.type,
      offset,
      code: parsed.code,
      repeat: parsed.repeat,
      scale: number(header, `TSCAL${i}`) ?? 1,
      zero: number(header, `TZERO${i}`) ?? 0,
    }
    offset += parsed.bytes
    const notes = {
      unit: text(header, `TUNIT${i}`)?.slice(0, 64),
      ucd: text(header, `TUCD${i}`)?.slice(0, 128),
      description: text(header, `TCOMM${i}`)?.slice(0, 1000),
    }
    for (const [key, value] of Object.entries(notes)) if (value !== undefined) column[key as keyof typeof notes] = value
    columns.push(column)
  }
  return columns
}

function binaryForm(form: string): { type: string; code: string; repeat: number; bytes: number } | undefined {
  const m = /^(\d{0,9})([LXBIJKAEDCMPQ])([LXBIJKAEDCM]?)/.exec(form.trim())
  if (m === null) return undefined
  const repeat = m[1] === '' ? 1 : Number(m[1])
  const code = m[2]!
  const [type, size] = TYPES[code]!
  const bytes = Math.ceil(repeat * size)
  if (code === 'P' || code === 'Q') return { type: `${TYPES[m[3] || 'B']![0]}[]`, code, repeat, bytes }
  return { type: repeat > 1 && code !== 'A' && code !== 'X' ? `${type}[${repeat}]` : type, code, repeat, bytes }
}

function asciiForm(form: string): { type: string; code: string; repeat: number; bytes: number } | undefined {
  const m = /^([AIFED])\d+(\.\d+)?/.exec(form.trim())
  if (m === null) return undefined
  const type = { A: 'VARCHAR', I: 'BIGINT' }[m[1]!] ?? 'DOUBLE'
  return { type, code: m[1]!.toLowerCase(), repeat: 1, bytes: 0 }
}
