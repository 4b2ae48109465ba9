import { ArchipelError } from './errors.ts'
import type { TaskView } from './views.ts'

/**
 * Why a view has no result. The one who ran it keeps it only until the owner has taken it: then it is the owner's alone.
 * @returns TASK_STATE, or UNREACHABLE where the owner has it and does not answer
 */
export function noResult({ state, askedAt, from, waitsFor }: TaskView): ArchipelError {
  if (waitsFor !== undefined)
    return new ArchipelError('TASK_STATE', `it has finished at ${from.name} and waits for ${waitsFor.name}`, {
      hint: `The result counts when ${waitsFor.name}, which asked for it, is back and has taken it.`,
    })
  if (from.role === 'provider' && state === 'succeeded')
    return new ArchipelError('UNREACHABLE', `the result is at ${askedAt.name}, which does not answer`, {
      hint: `Ask again when ${askedAt.name} is back: who ran the task keeps its result only until then.`,
    })
  return new ArchipelError('TASK_STATE', `there is no result: the task is ${state}`)
}
