import { mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LivyOutput, LivyStatement } from '../../../protocols/livy/objects.ts'

/** Statements that are over, each in a file, so that they outlive a kill of this island; outputs that are too large for memory are in files of their own. */
export interface Outputs {
  /** All that an earlier run of the island kept, by the key of the session. */
  load(): Promise<Map<string, KeptStatement[]>>
  /** The statement as it is kept, on the disk when this resolves: its output by itself where it is large. */
  keep(key: string, statement: LivyStatement): Promise<KeptStatement>
  whole(key: string, kept: KeptStatement): Promise<LivyStatement>
  /** Bytes of the JSON of an output. */
  page(
    key: string,
    kept: KeptStatement,
    range: { offset: number; limit: number },
  ): Promise<{ bytes: Uint8Array; total: number }>
  drop(key: string, statement?: number): Promise<void>
  /** Ends of what no entry is left of. */
  sweep(keys: ReadonlySet<string>): Promise<void>
}

export interface KeptStatement {
  /** Without its output where that is on the disk. */
  statement: LivyStatement
  /** Bytes of the output on the disk. */
  spooled?: number
}

const END = '.end.json'

export function outputs(init: { dir: string; spoolBytes: number }): Outputs {
  const pathOf = (key: string, statement: number) => join(init.dir, `${key}.${statement}.json`)

  const endOf = (key: string, statement: number) => join(init.dir, `${key}.${statement}${END}`)
  let lastPart = 0

  /** Whole or not at all: who is killed meanwhile leaves a part that the next sweep of its session takes. */
  async function write(path: string, text: string): Promise<void> {
    await mkdir(init.dir, { recursive: true, mode: 0o700 })
    const part = `${path}.${lastPart++}.part`
    await writeFile(part, text, { mode: 0o600 })
    await rename(part, path)
  }

  async function spooled(key: string, statement: LivyStatement): Promise<KeptStatement> {
    if (statement.output === null) return { statement }
    const json = JSON.stringify(statement.output)
    if (json.length <= init.spoolBytes) return { statement }
    await write(pathOf(key, statement.id), json)
    return { statement: { ...statement, output: null }, spooled: Buffer.byteLength(json) }
  }

  return {
    async load() {
      const found = new Map<string, KeptStatement[]>()
      for (const name of await names()) {
        if (!name.endsWith(END)) continue
        const key = name.split('.')[0]!
        const kept = parsed(await readFile(join(init.dir, name), 'utf8'))
        if (kept === undefined) await rm(join(init.dir, name), { force: true })
        else found.set(key, [...(found.get(key) ?? []), kept])
      }
      return found
    },
    async keep(key, statement) {
      const kept = await spooled(key, statement)
      await write(endOf(key, statement.id), JSON.stringify(kept))
      return kept
    },
    async whole(key, { statement, spooled }) {
      if (spooled === undefined) return statement
      const json = await readFile(pathOf(key, statement.id), 'utf8')
      return { ...statement, output: JSON.parse(json) as LivyOutput }
    },
    async page(key, { statement, spooled }, { offset, limit }) {
      if (spooled === undefined) {
        const all = Buffer.from(JSON.stringify(statement.output))
        return { bytes: all.subarray(offset, offset + limit), total: all.length }
      }
      const file = await open(pathOf(key, statement.id))
      try {
        const buffer = Buffer.alloc(Math.max(0, Math.min(limit, spooled - offset)))
        const { bytesRead } = await file.read(buffer, 0, buffer.length, offset)
        return { bytes: buffer.subarray(0, bytesRead), total: spooled }
      } finally {
        await file.close()
      }
    },
    async drop(key, statement) {
      if (statement !== undefined) {
        for (const path of [pathOf(key, statement), endOf(key, statement)]) await rm(path, { force: true })
        return
      }
      for (const name of await names()) if (name.startsWith(`${key}.`)) await rm(join(init.dir, name), { force: true })
    },
    async sweep(keys) {
      for (const name of await names())
        if (!keys.has(name.split('.')[0]!) || name.endsWith('.part')) await rm(join(init.dir, name), { force: true })
    },
  }

  async function names(): Promise<string[]> {
    return await readdir(init.dir).catch(() => [])
  }
}

/** Undefined for what a power cut left of it. */
function parsed(text: string): KeptStatement | undefined {
  try {
    return JSON.parse(text) as KeptStatement
  } catch {
    return undefined
  }
}
