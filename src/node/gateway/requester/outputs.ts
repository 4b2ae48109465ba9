import { mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LivyOutput, LivyStatement } from '../../../protocols/livy/objects.ts'

/** Outputs that are too large to be kept in memory, each as JSON in a file. */
export interface Outputs {
  /** The statement as it is kept: its output on the disk where it is large. */
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

export function outputs(init: { dir: string; spoolBytes: number }): Outputs {
  const pathOf = (key: string, statement: number) => join(init.dir, `${key}.${statement}.json`)

  return {
    async keep(key, statement) {
      if (statement.output === null) return { statement }
      const json = JSON.stringify(statement.output)
      if (json.length <= init.spoolBytes) return { statement }
      await mkdir(init.dir, { recursive: true, mode: 0o700 })
      await writeFile(pathOf(key, statement.id), json, { mode: 0o600 })
      return { statement: { ...statement, output: null }, spooled: Buffer.byteLength(json) }
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
      if (statement !== undefined) return await rm(pathOf(key, statement), { force: true })
      for (const name of await names()) if (name.startsWith(`${key}.`)) await rm(join(init.dir, name), { force: true })
    },
    async sweep(keys) {
      for (const name of await names())
        if (!keys.has(name.split('.')[0]!)) await rm(join(init.dir, name), { force: true })
    },
  }

  async function names(): Promise<string[]> {
    return await readdir(init.dir).catch(() => [])
  }
}
