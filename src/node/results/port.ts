import type { Column } from '../../protocols/model/dataset.ts'
import type { Cell, ResultMeta, TableFormat, TableResult } from '../../protocols/model/task.ts'
import type { TableExport } from '../../protocols/model/views.ts'

export type { TableExport, TableFormat }

/** Where running work puts what comes out of it. Everything is awaited: a slow disk slows the work. */
export interface ResultSink {
  /** Begins the table; at most once. */
  table(columns: Column[]): Promise<void>
  /** @throws RESULT_LIMIT beyond the bytes allowed, DISK_FULL */
  rows(rows: Cell[][]): Promise<void>
  /** The table had more rows than were asked for. */
  cut(): void
  /**
   * Another item of the result: bytes, or a local file that is copied: a regular one, no link, and with `within` really in
   * that folder, whatever its writer does to the names meanwhile.
   * @throws RESULT_LIMIT, DISK_FULL, BAD_INPUT for a name that is no plain relative path, is taken, or is `log`; others may follow
   */
  item(name: string, mediaType: string, source: Uint8Array | { path: string; within?: string }): Promise<void>
  /** What the work prints. Never throws; beyond the limit it is cut, and says so once. */
  log(chunk: Uint8Array | string): void
}

/** One attempt's place in the spool. */
export interface SpoolKey {
  task: string
  attempt: number
}

export interface SpoolWriter extends ResultSink {
  /** All is on the disk when it resolves. */
  finish(elapsedMs: number): Promise<ResultMeta>
  /** What was written so far goes, the log stays. */
  discard(): Promise<void>
}

export interface SpoolPort {
  /** Removes what `keep` does not want, e.g. after a crash. */
  start(keep: (key: SpoolKey) => boolean | Promise<boolean>): Promise<void>
  stop(): Promise<void>
  /**
   * Begins the result of an attempt that runs here; what an earlier beginning left goes, but for its log: that is
   * continued after a line that says so, so that offsets of the log stay true. With `again` the work itself goes on: no line.
   */
  write(key: SpoolKey, options?: { again?: boolean }): Promise<SpoolWriter>
  /**
   * Takes over a finished result from elsewhere: small items as they came, the others by `fetch`, from where an earlier call
   * ended. Every item is verified by its hash. Durable when it resolves; when the same result is here already, nothing is done.
   * @throws PROTOCOL (hash differs), RESULT_LIMIT, DISK_FULL, what `fetch` throws
   */
  receive(
    key: SpoolKey,
    meta: ResultMeta,
    from: {
      inline: { name: string; bytes: Uint8Array }[]
      fetch: (item: string, offset: number) => AsyncIterable<Uint8Array>
      onBytes?: (bytes: number) => void
    },
  ): Promise<void>
  /** Undefined until it is finished or received. */
  meta(key: SpoolKey): Promise<ResultMeta | undefined>
  /** @throws NOT_FOUND */
  read(key: SpoolKey, item: string, range: { offset: number; limit?: number }): AsyncIterable<Uint8Array>
  /** A page of the table. `from` counts rows; a page of very large rows has fewer than asked for. @throws NOT_FOUND without a table */
  rows(key: SpoolKey, page: { from: number; limit: number }): Promise<TableResult>
  /**
   * Appends to the log what came from elsewhere, at this offset; what is there already is not written twice.
   * @throws BAD_INPUT when there would be a gap, DISK_FULL
   */
  appendLog(key: SpoolKey, offset: number, chunk: Uint8Array): Promise<void>
  /** Bytes of the log from an offset. */
  log(key: SpoolKey, range: { offset: number; limit: number }): Promise<{ bytes: Uint8Array; total: number }>
  remove(key: SpoolKey): Promise<void>
  /** Bytes on the disk. */
  bytes(): Promise<number>
}

/** A table of the spool in a format of the field. Streams; memory does not grow with the table. */
export interface TableExporter {
  export(
    table: { columns: Column[]; rows: () => AsyncIterable<Cell[][]> },
    format: TableFormat,
    options: { signal: AbortSignal },
  ): Promise<TableExport>
}
