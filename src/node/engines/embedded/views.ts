import { ArchipelError } from '../../../protocols/model/errors.ts'
import { quoted } from '../../../protocols/model/sql-names.ts'
import type { BoundDataset } from '../port.ts'

/** As a string literal; newlines and quotes inside are data. */
const text = (value: string) => `'${value.replaceAll("'", "''")}'`

/** Files of all datasets of one session; each is one argument of the sandbox's command line. */
const MAX_FILES = 2000

/**
 * Checks what a session is bound to before any process starts.
 * @throws BAD_INPUT for a dataset without a name or files, AMBIGUOUS for one name of two datasets (compared without regard to
 * case, as SQL does), TOO_LARGE
 */
export function checkFiles(datasets: BoundDataset[]): void {
  const owners = new Map<string, string>()
  let files = 0
  for (const { id, names, paths } of datasets) {
    if (names.length === 0 || paths.length === 0)
      throw new ArchipelError('BAD_INPUT', `"${id}" has no name or no files here`)
    files += paths.length
    for (const each of names) {
      if (each === '' || each.includes('\0'))
        throw new ArchipelError('BAD_INPUT', `not a table name: ${JSON.stringify(each)}`)
      const key = each.toLowerCase()
      if ((owners.get(key) ?? id) !== id)
        throw new ArchipelError('AMBIGUOUS', `"${each}" names two datasets of one task`)
      owners.set(key, id)
    }
  }
  if (files > MAX_FILES)
    throw new ArchipelError('TOO_LARGE', `a session reads at most ${MAX_FILES} files, these are ${files}`)
}

/** The same for SQL. @throws BAD_INPUT for a dataset that is not a table, too */
export function checkTables(datasets: BoundDataset[]): void {
  for (const { id, names, format, columns } of datasets) {
    if (format === 'fits' || format === 'files')
      throw new ArchipelError('BAD_INPUT', `"${names[0] ?? id}" holds files, not a table: SQL cannot read it`)
    if (format !== 'parquet' && columns.length === 0)
      throw new ArchipelError('BAD_INPUT', `"${names[0] ?? id}" has no published columns`)
  }
  checkFiles(datasets)
}

/** A view for every name of every dataset; `paths` are the files as the child sees them, in the order of `datasets`. */
export function viewStatements(datasets: BoundDataset[], paths: string[][]): string[] {
  return datasets.flatMap((dataset, i) => {
    const source = tableSource(dataset, `[${paths[i]!.map(text).join(', ')}]`)
    const names = new Map(dataset.names.map((each) => [each.toLowerCase(), each]))
    return [...names.values()].map((each) => `CREATE VIEW ${quoted(each)} AS SELECT * FROM ${source}`)
  })
}

/** Nothing is guessed again here: text files are read with the dialect and the columns that were published. */
function tableSource({ format, columns, dialect }: BoundDataset, files: string): string {
  if (format === 'parquet') return `read_parquet(${files})`
  const types = `{${columns.map((column) => `${text(column.name)}: ${text(column.type)}`).join(', ')}}`
  const compression = text(dialect?.compression ?? 'none')
  if (format === 'jsonl')
    // read_json has another word than read_csv for the same thing.
    return `read_json(${files}, format = 'newline_delimited', compression = ${compression === "'none'" ? "'uncompressed'" : compression}, columns = ${types})`
  const { delimiter = ',', quote = '"', header = true, skip = 0 } = dialect ?? {}
  return (
    `read_csv(${files}, auto_detect = false, delim = ${text(delimiter)}, quote = ${text(quote)}, escape = ${text(quote)}, ` +
    `header = ${header}, skip = ${skip}, compression = ${compression}, columns = ${types})`
  )
}
