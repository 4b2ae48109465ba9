import { format } from 'node:util'
import type { Logger } from 'pino'

/** libp2p's logger interface on pino: everything at `trace`, since its texts hold what remote peers sent. */
export function libp2pLogger(logger: Logger) {
  return {
    forComponent(name: string) {
      const child = logger.child({ libp2p: name })
      const write = (formatter: unknown, ...args: unknown[]) => {
        if (child.isLevelEnabled('trace')) child.trace(plain(formatter, args))
      }
      const log = Object.assign(write, {
        error: write,
        trace: write,
        enabled: child.isLevelEnabled('trace'),
        newScope: () => log as unknown,
      })
      return log
    },
  }
}

function plain(formatter: unknown, args: unknown[]): string {
  return format(
    String(formatter).replace(/%[paecbt]/g, '%s'),
    ...args.map((a) => (a instanceof Error ? a.message : String(a))),
  )
}
