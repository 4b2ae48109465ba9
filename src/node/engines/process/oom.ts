import { readFileSync } from 'node:fs'

let source: string | undefined

/**
 * How many processes the kernel has ended for want of memory: of this process's control group where that is told,
 * else of the machine. Undefined when the system does not tell. @see cgroup-v2 `memory.events`
 */
export function oomKills(): number | undefined {
  if (source !== undefined) return countIn(source)
  for (const path of [...ofControlGroup(), '/proc/vmstat']) {
    const count = countIn(path)
    if (count === undefined) continue
    source = path
    return count
  }
  return undefined
}

/** Tells whether the kernel has ended a process for want of memory since. */
export function oomWatch(): () => boolean {
  const before = oomKills()
  return () => before !== undefined && (oomKills() ?? before) > before
}

function countIn(path: string): number | undefined {
  const found = /^oom_kill (\d+)$/m.exec(textOf(path))?.[1]
  return found === undefined ? undefined : Number(found)
}

function ofControlGroup(): string[] {
  return textOf('/proc/self/cgroup')
    .split('\n')
    .flatMap((line) => {
      const [, controllers = '', path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
      if (controllers === '') return path === '' ? [] : [`/sys/fs/cgroup${path}/memory.events`]
      return controllers.split(',').includes('memory') ? [`/sys/fs/cgroup/memory${path}/memory.oom_control`] : []
    })
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
