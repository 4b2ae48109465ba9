import type { AttemptState, TaskState, Work } from '../../protocols/model/task.ts'
import type { AttemptView, TaskSummary, TaskView } from '../../protocols/model/views.ts'
import type { OwnedTask, ProvidedAttempt, TaskDetails } from './store/records.ts'

export interface Names {
  self: string
  nameOf(island: string): string
}

/** A task of this island, as people see it. */
export function taskView(record: OwnedTask, work: Work, details: TaskDetails, names: Names, now: number): TaskView {
  const { self, nameOf } = names
  const ran = ranAt(record)
  return {
    id: record.id,
    kind: record.kind,
    user: record.user,
    ...opt('name', record.name),
    state: record.state,
    code: work.code,
    codeSha256: record.codeSha256,
    params: work.params,
    datasets: work.datasets,
    askedAt: { island: self, name: nameOf(self), time: iso(record.created) },
    ...opt('ranAt', ran === undefined ? undefined : { island: ran, name: nameOf(ran) }),
    attempts: record.attempts.map(
      (a): AttemptView => ({
        number: a.number,
        island: a.island,
        name: nameOf(a.island),
        state: a.state,
        started: iso(a.started),
        ...opt('ended', maybeIso(a.ended)),
        ...opt('error', a.error),
      }),
    ),
    explain: details.explain,
    logBytes: record.logBytes,
    ...opt('result', details.result),
    ...opt('error', record.error),
    atMostOnce: record.atMostOnce,
    ...opt('timeoutMs', work.timeoutMs),
    ...opt('maxRows', work.maxRows),
    ...onSpark(work),
    ...opt('action', record.action),
    cancelRequested: record.cancelRequested,
    ...opt('publish', record.publish),
    ...opt('published', record.published),
    ...opt('retryOf', record.retryOf),
    ...opt('started', maybeIso(record.started)),
    ...opt('ended', maybeIso(record.ended)),
    elapsedMs: Math.max(0, (record.ended ?? now) - record.created),
    from: { island: self, name: nameOf(self), role: 'requester' },
  }
}

export function taskSummary(record: OwnedTask, names: Names, now: number): TaskSummary {
  const ran = ranAt(record)
  return {
    id: record.id,
    kind: record.kind,
    user: record.user,
    ...opt('name', record.name),
    state: record.state,
    askedAt: { island: names.self, name: names.nameOf(names.self), time: iso(record.created) },
    ...opt('ranAt', ran === undefined ? undefined : { island: ran, name: names.nameOf(ran) }),
    ...opt('started', maybeIso(record.started)),
    ...opt('ended', maybeIso(record.ended)),
    elapsedMs: Math.max(0, (record.ended ?? now) - record.created),
    datasets: record.datasets,
    ...opt('error', record.error && { code: record.error.code, message: record.error.message }),
    ...opt('rowCount', record.rowCount),
  }
}

/** The attempt that counts, or the newest that somebody took. */
function ranAt(record: OwnedTask): string | undefined {
  const counts = record.attempts.find((a) => a.number === record.accepted)
  if (counts !== undefined) return counts.island
  const last = record.attempts.at(-1)
  return last === undefined || last.state === 'offered' ? undefined : last.island
}

/** What a provider says of an attempt: an end only when the requester has made it the end of the task. */
export function providedState(record: ProvidedAttempt): TaskState {
  if (record.settled === 'acknowledged') return endOf(record.state)
  if (record.state === 'accepted') return 'staging'
  return 'running'
}

function endOf(state: AttemptState): TaskState {
  return state === 'succeeded' || state === 'failed' || state === 'cancelled' ? state : 'running'
}

/** An attempt that runs or ran here, for while its requester is away. */
export function providedView(record: ProvidedAttempt, work: Work | undefined, names: Names, now: number): TaskView {
  const { self, nameOf } = names
  const state = providedState(record)
  const settled = record.settled === 'acknowledged'
  const error = settled ? record.error : undefined
  return {
    id: record.task,
    kind: record.kind,
    user: record.user,
    state,
    code: work?.code ?? '',
    codeSha256: record.codeSha256,
    params: work?.params ?? {},
    datasets: work?.datasets ?? [],
    askedAt: { island: record.requester, name: nameOf(record.requester), time: iso(record.created) },
    ranAt: { island: self, name: nameOf(self) },
    attempts: [
      {
        number: record.attempt,
        island: self,
        name: nameOf(self),
        state: record.state,
        started: iso(record.created),
        ...opt('ended', maybeIso(record.ended)),
        ...opt('error', record.error),
      },
    ],
    explain: [],
    logBytes: record.logBytes,
    ...opt('error', error),
    atMostOnce: record.atMostOnce,
    ...opt('timeoutMs', work?.timeoutMs),
    ...opt('maxRows', work?.maxRows),
    ...onSpark(work),
    cancelRequested: record.cancelRequested === true,
    ...opt('started', maybeIso(record.started)),
    ...opt('ended', settled ? maybeIso(record.ended) : undefined),
    elapsedMs: Math.max(0, ((settled ? record.ended : undefined) ?? now) - record.created),
    ...opt('waitsFor', waitsFor(record, names)),
    from: { island: self, name: nameOf(self), role: 'provider' },
  }
}

export function providedSummary(record: ProvidedAttempt, names: Names, now: number): TaskSummary {
  const settled = record.settled !== undefined
  return {
    id: record.task,
    kind: record.kind,
    user: record.user,
    state: providedState(record),
    askedAt: { island: record.requester, name: names.nameOf(record.requester), time: iso(record.created) },
    ranAt: { island: names.self, name: names.nameOf(names.self) },
    ...opt('started', maybeIso(record.started)),
    ...opt('ended', settled ? maybeIso(record.ended) : undefined),
    elapsedMs: Math.max(0, (record.ended ?? now) - record.created),
    ...opt('waitsFor', waitsFor(record, names)),
    datasets: record.datasets,
    ...opt('error', record.error && { code: record.error.code, message: record.error.message }),
    ...opt('rowCount', record.rowCount),
  }
}

/** Who has to take the end of an attempt that nobody has taken yet. */
function waitsFor({ ended, settled, requester }: ProvidedAttempt, { nameOf }: Names) {
  return ended === undefined || settled !== undefined ? undefined : { island: requester, name: nameOf(requester) }
}

function onSpark(work: Work | undefined): Pick<TaskView, 'engine' | 'spark' | 'batch'> {
  return { ...opt('engine', work?.engine), ...opt('spark', work?.spark), ...opt('batch', work?.batch) }
}

function opt<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]: V })
}

function iso(time: number): string {
  return new Date(time).toISOString()
}

function maybeIso(time: number | undefined): string | undefined {
  return time === undefined ? undefined : iso(time)
}
