import { createHash } from 'node:crypto'
import type { SpoolKey, SpoolPort } from '../../../src/node/results/port.ts'
import type { Column } from '../../../src/protocols/model/dataset.ts'
import { ArchipelError } from '../../../src/protocols/model/errors.ts'
import { type Cell, type ResultMeta, TABLE_ITEM } from '../../../src/protocols/model/task.ts'
import type { DiskOptions } from './store.ts'

interface Stored {
  meta: ResultMeta
  items: Map<string, Uint8Array>
}

interface Contents {
  finished: Map<string, Stored>
  logs: Map<string, Uint8Array>
}

const nameOf = ({ task, attempt }: SpoolKey) => `${task}/${attempt}`

/** The spool in memory: what is finished outlives a crash, what is being written does not. */
export class SimSpool implements SpoolPort {
  readonly #contents: Contents
  readonly #options: DiskOptions
  #dead = false

  constructor(options: DiskOptions, contents: Contents = { finished: new Map(), logs: new Map() }) {
    this.#options = options
    this.#contents = contents
  }

  crash(): SimSpool {
    this.#dead = true
    return new SimSpool(this.#options, this.#contents)
  }

  /** Results and logs that are kept. */
  keys(): string[] {
    return [...new Set([...this.#contents.finished.keys(), ...this.#contents.logs.keys()])].sort()
  }

  async #alive(): Promise<void> {
    if (this.#dead) await new Promise(() => {})
  }

  async #disk(): Promise<void> {
    await this.#alive()
    await this.#options.latency()
    await this.#alive()
  }

  async start(keep: (key: SpoolKey) => boolean | Promise<boolean>): Promise<void> {
    for (const name of this.keys()) {
      const [task, attempt] = name.split('/')
      if (!(await keep({ task: task!, attempt: Number(attempt) }))) this.#remove(name)
    }
  }

  async stop(): Promise<void> {}

  #remove(name: string): void {
    this.#contents.finished.delete(name)
    this.#contents.logs.delete(name)
  }

  async write(key: SpoolKey) {
    await this.#disk()
    const name = nameOf(key)
    this.#contents.finished.delete(name)
    const items = new Map<string, Uint8Array>()
    let columns: Column[] | undefined
    let lines = ''
    let rowCount = 0
    let truncated = false
    return {
      table: async (of: Column[]) => {
        columns = of
      },
      rows: async (rows: Cell[][]) => {
        for (const row of rows) lines += `${JSON.stringify(row)}\n`
        rowCount += rows.length
      },
      cut() {
        truncated = true
      },
      item: async (item: string, _mediaType: string, source: Uint8Array | { path: string }) => {
        if (source instanceof Uint8Array) items.set(item, source)
      },
      log: (chunk: Uint8Array | string) => {
        if (!this.#dead) this.#append(name, typeof chunk === 'string' ? Buffer.from(chunk) : chunk)
      },
      finish: async (elapsedMs: number): Promise<ResultMeta> => {
        if (columns !== undefined) items.set(TABLE_ITEM, Buffer.from(lines))
        const list = [...items].map(([item, bytes]) => ({
          name: item,
          mediaType: 'application/octet-stream',
          bytes: bytes.length,
          sha256: createHash('sha256').update(bytes).digest('hex'),
        }))
        const meta: ResultMeta = {
          kind: columns !== undefined ? 'table' : list.length > 0 ? 'files' : 'none',
          items: list,
          ...(columns === undefined ? {} : { table: { columns, rowCount, truncated } }),
          bytes: list.reduce((sum, i) => sum + i.bytes, 0),
          elapsedMs,
        }
        await this.#disk()
        this.#contents.finished.set(name, { meta, items })
        return meta
      },
      discard: async () => {
        await this.#alive()
        this.#contents.finished.delete(name)
      },
    }
  }

  async receive(
    key: SpoolKey,
    meta: ResultMeta,
    from: {
      inline: { name: string; bytes: Uint8Array }[]
      fetch: (item: string, offset: number) => AsyncIterable<Uint8Array>
      onBytes?: (bytes: number) => void
    },
  ): Promise<void> {
    await this.#alive()
    const items = new Map<string, Uint8Array>()
    for (const item of meta.items) {
      let bytes = from.inline.find((i) => i.name === item.name)?.bytes
      if (bytes === undefined) {
        const parts: Uint8Array[] = []
        for await (const part of from.fetch(item.name, 0)) parts.push(part)
        bytes = Buffer.concat(parts)
      }
      if (createHash('sha256').update(bytes).digest('hex') !== item.sha256)
        throw new ArchipelError('PROTOCOL', 'an item with another hash')
      from.onBytes?.(bytes.length)
      items.set(item.name, bytes)
    }
    await this.#disk()
    this.#contents.finished.set(nameOf(key), { meta, items })
  }

  async meta(key: SpoolKey): Promise<ResultMeta | undefined> {
    await this.#alive()
    return this.#contents.finished.get(nameOf(key))?.meta
  }

  async *read(key: SpoolKey, item: string, range: { offset: number; limit?: number }): AsyncGenerator<Uint8Array> {
    await this.#alive()
    const bytes = this.#contents.finished.get(nameOf(key))?.items.get(item)
    if (bytes === undefined) throw new ArchipelError('NOT_FOUND', 'there is no such item')
    const part = bytes.subarray(range.offset, range.offset + (range.limit ?? bytes.length))
    if (part.length > 0) yield part
  }

  async rows(key: SpoolKey, page: { from: number; limit: number }) {
    await this.#alive()
    const found = this.#contents.finished.get(nameOf(key))
    const table = found?.meta.table
    if (found === undefined || table === undefined) throw new ArchipelError('NOT_FOUND', 'there is no table')
    const lines = Buffer.from(found.items.get(TABLE_ITEM) ?? new Uint8Array())
      .toString()
      .split('\n')
      .filter((line) => line !== '')
    const rows = lines.slice(page.from, page.from + page.limit).map((line) => JSON.parse(line) as Cell[])
    return { columns: table.columns, rows, rowCount: rows.length, truncated: table.truncated }
  }

  #append(name: string, chunk: Uint8Array): void {
    this.#contents.logs.set(name, Buffer.concat([this.#contents.logs.get(name) ?? new Uint8Array(), chunk]))
  }

  async appendLog(key: SpoolKey, offset: number, chunk: Uint8Array): Promise<void> {
    await this.#alive()
    const size = this.#contents.logs.get(nameOf(key))?.length ?? 0
    if (offset > size) throw new ArchipelError('BAD_INPUT', 'a gap in the log')
    if (offset + chunk.length > size) this.#append(nameOf(key), chunk.subarray(size - offset))
  }

  async log(key: SpoolKey, range: { offset: number; limit: number }) {
    await this.#alive()
    const bytes = this.#contents.logs.get(nameOf(key)) ?? new Uint8Array()
    return { bytes: bytes.subarray(range.offset, range.offset + range.limit), total: bytes.length }
  }

  async remove(key: SpoolKey): Promise<void> {
    await this.#disk()
    this.#remove(nameOf(key))
  }

  async bytes(): Promise<number> {
    return [...this.#contents.finished.values()].reduce((sum, s) => sum + s.meta.bytes, 0)
  }
}
