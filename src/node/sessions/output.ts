import type { ErrorInfo } from '../../protocols/model/errors.ts'
import type { Cell } from '../../protocols/model/task.ts'
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

export function errorOutput(id: number, error: ErrorInfo): StatementOutput {
  const lines = error.message.split('\n')
  return {
    status: 'error',
    execution_count: id,
    ename: error.code,
    evalue: lines[0] ?? '',
    traceback: lines.length > 1 ? lines : [],
    error,
  }
}
