/** Replicas in words. */
import type { Eviction, ReplicaView } from '../../protocols/model/replica.ts'
import { clean } from './clean.ts'

/** What becomes of it when there is a new version. */
export const modeWord = ({ mode }: ReplicaView) => mode ?? 'until another is fetched'

export function replicaLine(view: ReplicaView): string {
  return `${clean(view.id)}, version ${view.version.slice(0, 12)}: ${modeWord(view)}`
}

/** Whether it goes when others need its room: `unneeded`, `no: pinned`. */
export function evictionWord({ may, because, rule }: Eviction): string {
  return may ? because : `no: ${because}${rule === undefined ? '' : ` ${rule}`}`
}
