import type { ChildCode } from './messages.ts'

/** What a child reports instead of a result. Children load nothing of the daemon, so this is not an `ArchipelError` yet. */
export class Failure extends Error {
  readonly code: ChildCode
  /** DuckDB cannot go on after this one. */
  readonly fatal: boolean

  constructor(code: ChildCode, message: string, fatal = false) {
    super(message)
    this.name = 'Failure'
    this.code = code
    this.fatal = fatal
  }
}

/** DuckDB's messages begin with their kind: `Binder Error: ...`. @see duckdb/src/common/exception.cpp */
const KINDS: [RegExp, ChildCode][] = [
  [/^(Parser|Syntax|Binder|Catalog) Error/, 'SQL_INVALID'],
  [/^Parameter (Not Allowed|Not Resolved) Error/, 'SQL_INVALID'],
  [/^Permission Error/, 'SQL_REFUSED'],
  [/^Out of Memory Error/, 'MEMORY_LIMIT'],
  [/^INTERRUPT Error/, 'CANCELLED'],
]

/** The site's texts: they name files or the machine, so they are replaced as a whole. */
const FILES_GONE = /^IO Error|No files found|Cannot open file|No such file|Could not (read|open)/

export function toFailure(error: unknown): Failure {
  if (error instanceof Failure) return error
  const message = error instanceof Error ? error.message : String(error)
  if (/^(FATAL|INTERNAL) Error|database has been invalidated/.test(message))
    return new Failure('ENGINE_FAILED', 'the SQL engine met an internal fault', true)
  if (/std::bad_alloc|failed to allocate|could not allocate|Cannot allocate memory/i.test(message))
    return new Failure('MEMORY_LIMIT', 'the statement needed more memory than the island allows')
  for (const [kind, code] of KINDS) {
    if (!kind.test(message)) continue
    if (code === 'MEMORY_LIMIT') return new Failure(code, 'the statement needed more memory than the island allows')
    return new Failure(code, message)
  }
  if (FILES_GONE.test(message))
    return new Failure('STALE', 'a file of the dataset is missing or cannot be read as published')
  return new Failure('ENGINE_FAILED', message)
}
