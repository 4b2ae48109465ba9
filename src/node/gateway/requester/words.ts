/** Livy's own words for what is refused here, without asking a site. */
import { LivyRefusal } from '../../../protocols/livy/refusal.ts'

export const notInState = (state: string) =>
  new LivyRefusal(500, `java.lang.IllegalStateException: Session is in state ${state}`)
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
