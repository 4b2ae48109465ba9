/** What stands in the editor. It is kept in this browser at every change, so that nothing is lost. */
import { asWritten } from '../../../protocols/model/sql-names.ts'
import type { TaskKind } from '../../../protocols/model/task.ts'
import type { DatasetView } from '../../../protocols/model/views.ts'
import { kept } from './kept.ts'
import { navigate } from './router.ts'

/** What is written and run here. */
export type EditorKind = Extract<TaskKind, 'sql' | 'python' | 'r'>
export const isEditorKind = (kind: TaskKind): kind is EditorKind => kind === 'sql' || kind === 'python' || kind === 'r'

/** One text per language: changing the language keeps both. */
export const code = kept<Record<EditorKind, string>>('code', {
  sql: '',
  python: 'import archipel\n\n',
  r: '',
})
export const kind = kept<EditorKind>('kind', 'sql')
/** Names of the datasets of a program, separated by spaces; those of a statement are in the statement. */
export const programData = kept('data', '')
/** The task that was started last, to be followed again after a reload. */
export const lastTask = kept<string | undefined>('task', undefined)

/** Puts a first question about a dataset into the editor, before what stands there, and goes to it. */
export function queryDataset({ id, body }: DatasetView, { ambiguous = false } = {}): void {
  const names = (body.columns ?? []).slice(0, 12).map((column) => asWritten(column.name))
  const list = names.length === 0 || (body.columns?.length ?? 0) > 12 ? '*' : names.join(', ')
  const statement = `SELECT ${list}\nFROM ${ambiguous ? asWritten(id) : asWritten(body.name)}\nLIMIT 1000\n`
  const before = code.peek().sql.trim()
  // What was there is kept below as a comment: a statement runs alone.
  const rest = before === '' || before === statement.trim() ? '' : `\n${before.replace(/^(?!--)/gm, '-- ')}\n`
  code.value = { ...code.peek(), sql: statement + rest }
  kind.value = 'sql'
  navigate('/editor')
}
