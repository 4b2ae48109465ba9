import { mkdir, mkdtemp, realpath, rm, stat, symlink } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import type { Bind } from './sandbox.ts'

/** Files under neutral names, so that no message of DuckDB can tell where a site keeps its data. */
export interface NeutralFiles {
  /** For each group, the paths as the child sees them. */
  paths: string[][]
  /** What the sandbox has to show; empty when links are used. */
  binds: Bind[]
  /** Size, time and inode of every file: the same stamp means the same files. */
  stamp: string
  /** Takes the links away. */
  release(): Promise<void>
}

/** The suffix tells DuckDB nothing that it is not told otherwise, but shows in the inspector's detection of compression. */
const SUFFIX = /(?:\.[A-Za-z0-9]{1,10}){1,2}$/

const gone = () => new ArchipelError('STALE', 'a file of the dataset is missing or not readable')

/** @throws STALE when a file is not there any more */
export async function stampFiles(groups: string[][]): Promise<string> {
  const stamps = await Promise.all(
    groups.flat().map(async (path) => {
      const s = await stat(path, { bigint: true }).catch(() => {
        throw gone()
      })
      if (!s.isFile()) throw gone()
      return `${s.dev}:${s.ino}:${s.size}:${s.mtimeNs}`
    }),
  )
  return stamps.join(' ')
}

/**
 * Gives the files of each group the names `<group>/<index>.<suffix>`: under `/data` in a sandbox, else as links in a new
 * folder of `scratchDir`; `keepNames` keeps the last part of their own names where it is unique (manifests tell it anyway).
 * Links rather than real paths also because DuckDB takes `*` and `[` in a path as a pattern.
 */
export async function neutralFiles(
  groups: string[][],
  where: { sandbox: boolean; scratchDir: string; keepNames?: boolean },
): Promise<NeutralFiles> {
  const stamp = await stampFiles(groups)
  const name = (path: string, group: number, index: number) => {
    const own = basename(path)
    const clear = where.keepNames && groups[group]!.every((other, i) => i === index || basename(other) !== own)
    return `${group}/${clear ? own : `${index}${SUFFIX.exec(own)?.[0] ?? ''}`}`
  }
  if (where.sandbox) {
    const binds: Bind[] = []
    const paths: string[][] = []
    for (const [g, group] of groups.entries()) {
      paths.push(group.map((path, i) => `/data/${name(path, g, i)}`))
      for (const [i, path] of group.entries()) binds.push({ from: path, to: paths[g]![i]! })
    }
    return { paths, binds, stamp, release: async () => {} }
  }
  await mkdir(where.scratchDir, { recursive: true })
  const dir = await mkdtemp(join(await realpath(where.scratchDir), 'sql-'))
  try {
    const paths: string[][] = []
    for (const [g, group] of groups.entries()) {
      await mkdir(join(dir, String(g)))
      paths.push(group.map((path, i) => join(dir, name(path, g, i))))
      for (const [i, path] of group.entries()) await symlink(path, paths[g]![i]!)
    }
    return { paths, binds: [], stamp, release: () => rm(dir, { recursive: true, force: true }) }
  } catch (error) {
    await rm(dir, { recursive: true, force: true })
    throw error
  }
}
