import { readFile } from 'node:fs/promises'
import type { ResultSink } from '../../src/node/results/port.ts'
import type { Cell } from '../../src/protocols/model/task.ts'

export interface Collector extends ResultSink {
  tables: number
  rowsSeen: Cell[][]
  /** Rows, counted even where they are not kept. */
  count: number
  cuts: number
  items: Map<string, { mediaType: string; bytes: Uint8Array }>
  logged: string
}

/** A sink that keeps all, or with `keep: false` counts rows only; `delay` makes it slow. */
export function collector(options: { keep?: boolean; delay?: () => Promise<unknown> } = {}): Collector {
  const sink: Collector = {
    tables: 0,
    rowsSeen: [],
    count: 0,
    cuts: 0,
    items: new Map(),
    logged: '',
    async table() {
      sink.tables++
    },
    async rows(rows) {
      await options.delay?.()
      sink.count += rows.length
      if (options.keep !== false) sink.rowsSeen.push(...rows)
    },
    cut() {
      sink.cuts++
    },
    async item(name, mediaType, source) {
      sink.items.set(name, { mediaType, bytes: source instanceof Uint8Array ? source : await readFile(source.path) })
    },
    log(chunk) {
      sink.logged += typeof chunk === 'string' ? chunk : new TextDecoder().decode(chunk)
    },
  }
  return sink
}
