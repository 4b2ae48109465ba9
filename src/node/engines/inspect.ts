import { tmpdir } from 'node:os'
import { ArchipelError } from '../../protocols/model/errors.ts'
import type { EngineLimits, Inspector } from './port.ts'
import { type NeutralFiles, neutralFiles } from './process/files.ts'
import { findTools, type SandboxMode, type Tools } from './process/tools.ts'
import { startWorker, type Worker } from './process/worker.ts'

export interface InspectorInit {
  /** Absolute paths of the files to look at. */
  files: string[]
  /** Default: 1 GiB, 60 s a query, 10 min of CPU, 100,000 rows and 32 MiB of result, 2 threads. */
  limits?: Partial<EngineLimits>
  /** Default `auto`. */
  sandbox?: SandboxMode
  /** For links to the files where there is no sandbox. Default: the system's temporary folder. */
  scratchDir?: string
}

const DEFAULTS: EngineLimits = {
  memoryBytes: 1024 ** 3,
  statementMs: 60_000,
  cpuMs: 600_000,
  resultRows: 100_000,
  resultBytes: 32 * 1024 ** 2,
  threads: 2,
}
/** To start a child, and for each file that it is shown: each is a mount of its sandbox. */
const OPEN_TIMEOUT_MS = 15_000
const OPEN_FILE_MS = 20

const probes = new Map<SandboxMode, Promise<Tools>>()

function toolsFor(mode: SandboxMode): Promise<Tools> {
  let probe = probes.get(mode)
  if (probe === undefined) {
    probe = findTools(mode)
    probe.catch(() => probes.delete(mode))
    probes.set(mode, probe)
  }
  return probe
}

/**
 * A DuckDB of its own, in a process of its own, over a few local files: for queries that the daemon writes itself, over
 * files that may be malformed on purpose. The SQL names the files by `inspector.files`, never by their real paths; only
 * they can be read. The process starts with the first query and is started anew when a file made it crash.
 */
export function duckdbInspector(init: InspectorInit): Inspector {
  const limits = { ...DEFAULTS, ...init.limits }
  let opened: Promise<{ worker: Worker; neutral: NeutralFiles }> | undefined
  let closed = false
  let turn: Promise<unknown> = Promise.resolve()

  async function open(): Promise<{ worker: Worker; neutral: NeutralFiles }> {
    const tools = await toolsFor(init.sandbox ?? 'auto')
    const scratchDir = init.scratchDir ?? tmpdir()
    const neutral = await neutralFiles([init.files], { sandbox: tools.bwrap !== undefined, scratchDir })
    const { threads, memoryBytes, cpuMs } = limits
    const worker = startWorker({
      release: neutral.release,
      tools,
      binds: neutral.binds,
      files: neutral.paths.flat(),
      setup: [],
      threads,
      memoryBytes,
      cpuMs,
    })
    await worker.open({ timeoutMs: OPEN_TIMEOUT_MS + init.files.length * OPEN_FILE_MS })
    return { worker, neutral }
  }

  async function ready() {
    if (closed) throw new ArchipelError('CANCELLED', 'the inspection has ended')
    const current = await opened?.catch(() => undefined)
    if (current === undefined || current.worker.dead) opened = open()
    return await opened!
  }

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = turn.then(work)
    turn = result.catch(() => {})
    return result
  }

  return {
    files: () => inTurn(async () => (await ready()).neutral.paths[0]!),
    query(sql, options = {}) {
      return inTurn(async () => {
        const { worker, neutral } = await ready()
        return await worker
          .run(sql, {
            mode: 'trusted',
            maxRows: limits.resultRows,
            maxBytes: limits.resultBytes,
            timeoutMs: options.timeoutMs ?? limits.statementMs,
            ...(options.signal && { signal: options.signal }),
          })
          .catch((error: ArchipelError) => {
            throw ['STALE', 'ENGINE_FAILED', 'SQL_INVALID'].includes(error.code)
              ? unreadable(error, neutral.paths[0]!)
              : error
          })
      })
    },
    async close() {
      closed = true
      const current = await opened?.catch(() => undefined)
      await current?.worker.close()
    },
  }
}

/** The query is ours, so what fails is the file; it is named as in the query. */
function unreadable(error: ArchipelError, names: string[]): ArchipelError {
  const crashed = error.details?.exit !== undefined
  const known = new Set(names)
  const message = error.message.replaceAll(/(?:\/[^\s"':,;)]+)+/g, (path) =>
    known.has(path.replace(/\.+$/, '')) ? path : '<file>',
  )
  return new ArchipelError('UNREADABLE', crashed ? 'the file made its reader crash' : message, { cause: error })
}
