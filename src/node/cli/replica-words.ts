/** Replicas in words. */
import type { ReplicaView } from '../../protocols/model/replica.ts'
import { clean } from './clean.ts'

/** What becomes of it when there is a new version. */
export const modeWord = ({ mode }: ReplicaView) => mode ?? 'until another is fetched'

export function replicaLine(view: ReplicaView): string {
  return `${clean(view.id)}, version ${view.version.slice(0, 12)}: ${modeWord(view)}`
}
