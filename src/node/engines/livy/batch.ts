import { copyFile, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { LivyBatch } from '../../../protocols/livy/objects.ts'
import { LivyRefusal } from '../../../protocols/livy/refusal.ts'
import { ArchipelError, toArchipelError } from '../../../protocols/model/errors.ts'
import type { BatchInit, EngineBatch, EngineLimits, SessionState, StatementOptions, StatementOutcome } from '../port.ts'
import { timeLimit } from '../process/time-limit.ts'
import { batchHandle } from '../session/batch-handle.ts'
import { type SessionLog, sessionLog } from '../session/log.ts'
import { refused } from './backend.ts'
import { ENDED } from './entries.ts'
import { lineFollower } from './log-lines.ts'
import type { RealLivySite } from './site.ts'

export interface LivyBatchParts {
  id: number
  site: RealLivySite
  mark: string
  /** Livy's id of it, where an earlier run of the island began it under this mark. */
  again: number | undefined
  limits: EngineLimits
  /** A folder that Spark reads, too, where main files are laid down for it. */
  staging: string
  locate(path: string): string
  scrub(error: ArchipelError): ArchipelError
  /** Whether it goes on when it is cancelled here: the island stops, and finds it again. */
  stays(): boolean
  /** Waits for a slot. */
  acquire(signal: AbortSignal): Promise<() => void>
}

/** The folder of a batch's main file. */
export const stagedAt = (staging: string, mark: string) => join(staging, mark)

const LOG_MS = 1_000
const TAIL_LINES = 20
const PARAM_CONF = 'spark.archipel.params.'
const nothing = () => ({ columns: [], rows: [], rowCount: 0, truncated: false })

type Become = (state: SessionState) => void

/** A main file as a batch of Livy: a Spark of its own, from spark-submit to its end. What it prints is its log. */
export function livyBatch(
  init: BatchInit & { main: NonNullable<BatchInit['main']> },
  options: StatementOptions,
  parts: LivyBatchParts,
): EngineBatch {
  const { site, limits } = parts
  const log: SessionLog = sessionLog()

  async function staged<T>(use: (file: string) => Promise<T>): Promise<T> {
    const dir = stagedAt(parts.staging, parts.mark)
    try {
      const path = join(dir, init.main.name)
      if (parts.again === undefined) {
        await mkdir(dir, { recursive: true })
        await copyFile(init.main.path, path)
      }
      return await use(parts.locate(path))
    } finally {
      if (!parts.stays()) await rm(dir, { recursive: true, force: true })
    }
  }

  function request(file: string) {
    const { spark = {}, main, args, params = {} } = init
    const values = Object.entries(params).map(([key, value]) => [PARAM_CONF + key, value === null ? '' : String(value)])
    return {
      ...spark,
      file,
      ...(main.className === undefined ? {} : { className: main.className }),
      ...(args === undefined ? {} : { args }),
      conf: { ...Object.fromEntries(values), ...spark.conf },
    }
  }

  async function made(file: string, signal: AbortSignal): Promise<LivyBatch> {
    const { datasets, forwarded = false, user, key } = init
    const named = { ...(key === undefined ? {} : { key }), ...(user === undefined ? {} : { user }) }
    const mark = { mark: parts.mark, datasets, forwarded, ...named }
    return await site.createBatch(request(file), mark, { signal, stays: parts.stays })
  }

  async function run(file: string, become: Become, signal: AbortSignal): Promise<void> {
    const batch = parts.again === undefined ? await made(file, signal) : { id: parts.again, state: 'starting' as const }
    const follow = lineFollower((text) => {
      log.append(Buffer.from(text))
      options.sink?.log(text)
    }, options.printed)
    const read = async () => follow.take((await site.batchLog(batch.id, { from: 0, size: -1 })).log)
    const timer = setInterval(() => void read().catch(() => {}), LOG_MS)
    try {
      const last = await ended(batch, become, signal)
      await read().catch(() => {})
      if (last === 'success') return
      const words = last === 'killed' ? 'was killed at Livy' : 'ended with an error'
      throw new ArchipelError('CODE_FAILED', `the program ${words}\n${follow.tail(TAIL_LINES)}`.trimEnd())
    } finally {
      clearInterval(timer)
      // It is in the list of Livy no longer than it has to: there it would count as a session.
      if (!parts.stays()) await site.deleteBatch(batch.id).catch(() => {})
    }
  }

  /** Resolves with the last state. @throws CANCELLED, TIME_LIMIT, ENGINE_FAILED when Livy lost it */
  async function ended(
    { id, state: first }: Pick<LivyBatch, 'id' | 'state'>,
    become: Become,
    signal: AbortSignal,
  ): Promise<SessionState> {
    const { ms, late } = timeLimit('program', options.timeoutMs, limits.statementMs)
    const done = Promise.withResolvers<SessionState>()
    const onAbort = () => done.reject(new ArchipelError('CANCELLED', 'the batch was cancelled'))
    const timer = setTimeout(() => done.reject(late), ms)
    if (first === 'running') become('running')
    const unwatch = site.watch({ batch: id }, (change) => {
      if (change.type === 'lost')
        done.reject(new ArchipelError('ENGINE_FAILED', `the batch is lost: ${change.why}`, { hint: 'Run it again.' }))
      if (change.type !== 'batch') return
      if (ENDED.has(change.batch.state)) done.resolve(change.batch.state)
      else if (change.batch.state !== 'starting') become('running')
    })
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    try {
      return await done.promise
    } finally {
      clearTimeout(timer)
      unwatch()
      signal.removeEventListener('abort', onAbort)
    }
  }

  async function work(become: Become, signal: AbortSignal): Promise<StatementOutcome> {
    const release = await parts.acquire(signal)
    const started = performance.now()
    try {
      await staged((file) => run(file, become, signal))
      return { result: nothing(), items: [], elapsedMs: performance.now() - started }
    } finally {
      release()
    }
  }

  return batchHandle(
    {
      id: parts.id,
      kind: init.kind,
      log: async (range) => log.read(range),
      work,
      told: (cause) => parts.scrub(cause instanceof LivyRefusal ? refused(cause) : toArchipelError(cause)),
    },
    options,
  )
}
