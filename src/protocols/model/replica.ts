/** Words about the replicas that an island has of other islands' datasets. */
import { z } from 'zod'
import { replicaState } from './dataset.ts'
import { named } from './parts.ts'
import { amount } from './versions.ts'

export const replicaMode = z.enum(['follow', 'pin'])
export type ReplicaMode = z.infer<typeof replicaMode>

/** A replica that is here, for people. */
export const replicaView = z.object({
  id: z.string(),
  /** Short name of the dataset. */
  name: z.string(),
  publisher: named,
  version: z.string(),
  state: replicaState,
  /** The version as a whole, and what of it is here. */
  total: amount,
  held: amount,
  /** Patterns of the files asked for; empty: all. */
  files: z.array(z.string()),
  /** Nobody asked for it: it is here since somebody read in it. */
  read: z.literal(true).optional(),
  /** `follow`: new versions are fetched. `pin`: no other version takes its place. Absent: it stays until another version is fetched. */
  mode: replicaMode.optional(),
  added: z.string(),
  /** When work or another island read it last, to the minute. */
  used: z.string().optional(),
})
export type ReplicaView = z.infer<typeof replicaView>

/** By name, then version. */
export interface ReplicaPage {
  items: ReplicaView[]
  total: number
  next?: string
}
