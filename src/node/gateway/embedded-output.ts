/** What a statement of the built-in engine gave, as Livy would show it. */
import type { LivyCodeKind, LivyOutput } from '../../protocols/livy/objects.ts'
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { TableResult } from '../../protocols/model/task.ts'
import { exceptionOf, TRACEBACK } from '../../protocols/model/traceback.ts'
import type { ResultSink } from '../results/port.ts'
import { sparkTable } from './spark-table.ts'

/** Bytes of what one statement prints that are kept. */
const PRINTED_BYTES = 16 * 1024 * 1024
const TEXT = /^text\//

/** The process of a program went with the statement. */
export class Died extends ArchipelError {
  constructor(cause: ArchipelError) {
    const { code, message, hint } = cause
    const why = code === 'CODE_FAILED' ? message : `${code}: ${message}`
    super(code, `Interpreter died:\n${why}\n`, { hint, cause })
  }
}

export interface Printed extends ResultSink {
  /** Text and the first item of each other type. */
  data(): Record<string, unknown>
}

/** Collects what a program prints and the figures and values that it shows. */
export function printed(): Printed {
  const chunks: Buffer[] = []
  let bytes = 0
  let cut = 0
  const items = new Map<string, unknown>()
  return {
    // Programs at a prompt have no table of their own.
    async table() {},
    async rows() {},
    cut() {},
    async item(_name, mediaType, source) {
      const type = mediaType.split(';')[0]!.trim()
      // What is too large to come in memory is no picture and no value for a notebook.
      if (items.has(type) || !(source instanceof Uint8Array)) return
      const content = Buffer.from(source)
      if (TEXT.test(type)) items.set(type, content.toString())
      else if (/[/+]json$/.test(type)) items.set(type, JSON.parse(content.toString()))
      else if (type.startsWith('image/')) items.set(type, content.toString('base64'))
    },
    log(chunk) {
      const part = Buffer.from(chunk as Uint8Array).subarray(0, Math.max(0, PRINTED_BYTES - bytes))
      bytes += part.length
      cut += chunk.length - part.length
      if (part.length > 0) chunks.push(part)
    },
    data() {
      const kept = Buffer.concat(chunks).toString().trimEnd()
      const text = cut === 0 ? kept : `${kept}\n... (${cut} more bytes were printed; ${PRINTED_BYTES} are kept)`
      const shown = Object.fromEntries(items)
      // As in Livy: of a value of a magic there is no text, of a figure it is empty.
      const values = Object.keys(shown).some((type) => type.endsWith('json'))
      return values && text === '' ? shown : { ...shown, 'text/plain': text }
    },
  }
}

export const okProgram = (id: number, from: Printed): LivyOutput => ({
  status: 'ok',
  execution_count: id,
  data: from.data(),
})

export const okTable = (id: number, result: Pick<TableResult, 'columns' | 'rows'>): LivyOutput => ({
  status: 'ok',
  execution_count: id,
  data: { 'application/json': sparkTable(result) },
})

/** Of an exception of Python its name, its words and its traceback, an entry for each frame; of all else the message and a hint. */
export function failed(id: number, kind: LivyCodeKind, error: ArchipelError): LivyOutput {
  const common = { status: 'error', execution_count: id } as const
  const code = error.code === 'CODE_FAILED'
  const raised = kind === 'pyspark' && code && !(error instanceof Died) ? exception(error.message) : undefined
  if (raised !== undefined) return { ...common, ...raised }
  // The hint of what the code itself did is one for tasks.
  const traceback = code ? [] : [`${error.hint}\n`]
  return { ...common, ename: 'Error', evalue: error.message, traceback }
}

function exception(message: string): { ename: string; evalue: string; traceback: string[] } | undefined {
  const lines = message.replaceAll('"<program>"', '"<stdin>"').split('\n')
  // An error of the prompt itself has no frame.
  const found = exceptionOf(lines.includes(TRACEBACK) ? lines : [TRACEBACK, ...lines])
  return found && { ...found, traceback: entries(lines) }
}

/** Lines of a frame belong together. */
function entries(lines: string[]): string[] {
  const made: string[] = []
  for (const line of lines) {
    if (/^ {3}/.test(line) && made.at(-1)?.startsWith('  File ')) made[made.length - 1] += `${line}\n`
    else made.push(`${line}\n`)
  }
  return made
}
