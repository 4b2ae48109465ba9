import type { ErrorInfo } from '../../protocols/model/errors.ts'
import type { Cell } from '../../protocols/model/task.ts'
import { exceptionOf } from '../../protocols/model/traceback.ts'
import type { StatementOutput } from '../../protocols/model/views.ts'
import type { CollectedItem, StatementOutcome } from '../engines/port.ts'

/** Types that are text as they are; JSON is parsed, all else is base64. */
const TEXT = /^(text\/|image\/svg\+xml)/

function itemValue({ mediaType, bytes }: CollectedItem): Cell {
  const text = Buffer.from(bytes)
  if (TEXT.test(mediaType)) return text.toString()
  if (mediaType !== 'application/json') return text.toString('base64')
  try {
    return JSON.parse(text.toString()) as Cell
  } catch {
    return text.toString()
  }
}

/** What came out, by media type as in Livy: a table is `application/json` with its `schema` and `data`; of each type the first item. */
export function okOutput(id: number, { result, items }: StatementOutcome): StatementOutput {
  const data: Record<string, Cell> = {}
  if (result.columns.length > 0) {
    const fields = result.columns.map(({ name, type, ...metadata }) => ({ name, type, nullable: true, metadata }))
    data['application/json'] = { schema: { type: 'struct', fields }, data: result.rows, truncated: result.truncated }
  }
  for (const item of items) {
    const type = item.mediaType.split(';')[0]!.trim()
    if (!(type in data)) data[type] = itemValue(item)
  }
  return { status: 'ok', execution_count: id, data }
}

/** As Livy says it: of an exception its name, its words and the lines of its traceback; else the code and the first line. */
export function errorOutput(id: number, session: number, info: ErrorInfo): StatementOutput {
  const lines = info.message.split('\n')
  const failed = info.code === 'CODE_FAILED'
  const hint = `The statement ended with an error; \`archipel session log ${session}\` has what it printed.`
  return {
    status: 'error',
    execution_count: id,
    ...((failed && exceptionOf(lines)) || { ename: info.code, evalue: lines[0] ?? '' }),
    traceback: lines.length > 1 ? lines : [],
    error: failed ? { ...info, hint } : info,
  }
}
