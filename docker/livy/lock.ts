/** A file that one process at a time has; that of a process that has died is taken over. */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

export type Release = () => Promise<void>

/** Undefined while another living process has it. */
export async function tryLock(file: string): Promise<Release | undefined> {
  await mkdir(dirname(file), { recursive: true })
  const mine = `${file}.${randomUUID()}`
  await writeFile(mine, markOf(process.pid))
  try {
    while (!(await linked(mine, file))) {
      const owner = await readFile(file, 'utf8').catch(() => undefined)
      if (owner === undefined) continue
      if (isTheirs(owner)) return undefined
      await takeAway(file, owner)
    }
    return () => rm(file, { force: true })
  } finally {
    await rm(mine, { force: true })
  }
}

/** The file is there with its text or not at all. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Another process may have been quicker: then what is taken is its lock, which is given back. */
async function takeAway(file: string, owner: string): Promise<void> {
  const taken = `${file}.${randomUUID()}`
  try {
    await rename(file, taken)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  if ((await readFile(taken, 'utf8')) !== owner) await linked(taken, file)
  await rm(taken, { force: true })
}

function isTheirs(owner: string): boolean {
  const pid = Number(owner.split(' ')[0])
  return pid > 0 && isAlive(pid) && markOf(pid) === owner
}

/** With the time of its start, so that a later process of the same id (a container starts the same ones anew) is another one. */
function markOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return `${pid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`
  } catch {
    return `${pid} `
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
