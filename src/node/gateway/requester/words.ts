/** Livy's own words for what is refused here, without asking a site. */
import { LivyRefusal } from '../../../protocols/livy/refusal.ts'
import { ArchipelError } from '../../../protocols/model/errors.ts'

export const notInState = (state: string) =>
  new LivyRefusal(500, `java.lang.IllegalStateException: Session is in state ${state}`)
/** What Livy says while it does not reach a driver yet: not dead, so clients ask again. */
export const unreached = () => notInState('recovering')
export const notActive = () => new LivyRefusal(400, { msg: "requirement failed: Session isn't active." })
export const noStatement = () => new LivyRefusal(404, 'Statement not found')
export const noRight = () => new LivyRefusal(403)
export const duplicate = (name: string, id: number) =>
  new LivyRefusal(400, { msg: `Rejected, Reason: Duplicate session name: Some(${name}) for session ${id}` })
export const tooMany = () => new LivyRefusal(400, { msg: 'Rejected, too many sessions are being created!' })

/** A page of a list as Livy cuts it: a negative beginning takes from the front. */
export function listPage<T>(all: readonly T[], { from, size }: { from: number; size: number }): T[] {
  return size <= 0 ? [] : all.slice(Math.max(0, from), Math.max(0, from + size))
}

/** Another island says "this island" and "here" of itself: with its name before it. undefined: it is this one. */
export function atIsland(error: ArchipelError, name: string | undefined): ArchipelError {
  const { code, message, hint, details } = error
  if (name === undefined || code === 'CANCELLED' || message.startsWith(`${name} `)) return error
  const more = details === undefined ? {} : { details }
  return new ArchipelError(code, `${name}: ${message}`, { hint, cause: error, ...more })
}
