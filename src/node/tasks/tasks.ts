import { ArchipelError } from '../../protocols/model/errors.ts'
import { requesterOf } from '../../protocols/model/task.ts'
import type { TaskHandlers, TaskRemotes } from './calls.ts'
import type { TasksPort } from './port.ts'
import type { ProviderComponents, ProviderInit } from './provider/components.ts'
import { type Provider, provider } from './provider/provider.ts'
import type { RequesterComponents, RequesterInit } from './requester/components.ts'
import { type Requester, requester } from './requester/requester.ts'

export interface TasksInit {
  self: string
  requester: Omit<RequesterInit, 'self'>
  provider: Omit<ProviderInit, 'self'>
}

export interface TasksComponents
  extends Omit<RequesterComponents, 'remotes'>,
    Pick<ProviderComponents, 'engine' | 'data' | 'queue' | 'main'> {
  /** The calls to islands, given how this one answers. */
  remotes(here: TaskHandlers): TaskRemotes
}

export interface Tasks extends Omit<TasksPort, 'start'>, Pick<Requester, 'ended' | 'status'> {
  /** Takes up what ran here: to be called before others can ask about it. */
  start(): Promise<void>
  /** Takes up the own tasks: to be called when others can be reached. */
  resume(): Promise<void>
  /** What to answer other islands. */
  readonly handlers: TaskHandlers
  readonly provider: Provider
  /** Removes what is too old, as happens every hour. */
  sweep(): Promise<{ results: number; tasks: number; expired: number; forgotten: number }>
}

/** Tasks of this island: those it asks for and those it runs, as one part. */
export function tasks(init: TasksInit, components: TasksComponents): Tasks {
  const { self } = init
  const handlers: TaskHandlers = {
    attempt: (request, from, call) => serving.attempt(request, from, call),
    control: (request, from) => serving.control(request, from),
    claim: (request, from) => asking.claim(request, from),
    read(request, from, call) {
      if (request.attempt !== undefined) return serving.read(request, from, call)
      if (requesterOf(request.task) === self) return asking.readOwn(request)
      if (request.item === 'log' && serving.holds(request.task)) return serving.read(request, from, call)
      throw new ArchipelError('TASK_NOT_FOUND', 'the task is not of this island')
    },
    async describe(task) {
      const view = requesterOf(task) === self ? await asking.describe(task) : await serving.describe(task)
      if (view === undefined) throw new ArchipelError('TASK_NOT_FOUND', 'the task is not known here')
      return view
    },
  }
  const remotes = components.remotes(handlers)
  const serving = provider({ self, ...init.provider }, { ...components, remotes })
  const asking = requester(
    { self, ...init.requester },
    { ...components, remotes, provider: { describe: serving.describe, log: serving.log, current: serving.current } },
  )

  const { claim: _, keeps: __, readOwn: ___, describe: ____, ...shown } = asking
  return {
    ...shown,
    handlers,
    provider: serving,
    async start() {
      await components.spool.start(async (key) => (await asking.keeps(key)) || (await serving.keeps(key)))
      await serving.start()
    },
    resume: () => asking.start(),
    async stop(options) {
      await asking.stop()
      await serving.stop(options)
      await components.spool.stop()
    },
    async sweep() {
      return { ...(await asking.sweep()), ...(await serving.sweep()) }
    },
  }
}
