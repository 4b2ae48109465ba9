/** Words about the replicas that an island has of other islands' datasets. */
import { z } from 'zod'
import { replicaState } from './dataset.ts'
import { named } from './parts.ts'
import { amount } from './versions.ts'

export const replicaMode = z.enum(['follow', 'pin'])
export type ReplicaMode = z.infer<typeof replicaMode>

/** Why a replica makes room when others need it, the first of these first. */
export const evictionOrder = z.enum(['expired', 'unneeded', 'wanted'])
export type EvictionOrder = z.infer<typeof evictionOrder>

/** Why it does not, whatever is needed. */
export const evictionBar = z.enum(['off', 'pinned', 'running', 'moving', 'promised', 'last-copy', 'rule'])
export type EvictionBar = z.infer<typeof evictionBar>

/** Whether a replica goes when there has to be room for others. */
export const eviction = z.object({
  may: z.boolean(),
  /**
   * May: `expired` (its rule is no more), `unneeded` (no rule, subscription or follower asks for it), `wanted` (one does; it
   * goes for what a person gets). May not: `off` (by `replicas.evict`), `pinned`, `running` (work has it), `moving` (a transfer, or a reader),
   * `promised` (to an island that drops its own), `last-copy` (no other island is known to have all of it), `rule` (too few copies).
   */
  because: z.union([evictionOrder, evictionBar]),
  /** The rule that would have too few. */
  rule: z.string().optional(),
})
export type Eviction = z.infer<typeof eviction>

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
  eviction,
})
export type ReplicaView = z.infer<typeof replicaView>

/** By name, then version. */
export interface ReplicaPage {
  items: ReplicaView[]
  total: number
  next?: string
}

/** What a drop would do, by what is known now: promises are not asked for. */
export const dropPlan = z.object({
  dataset: z.string(),
  name: z.string(),
  publisher: z.object({ id: z.string(), name: z.string() }),
  /** That would be free. */
  bytes: z.number(),
  /** Each version of it that is here. */
  replicas: z.array(
    z.object({
      version: z.string(),
      state: replicaState,
      held: amount,
      bytes: z.number(),
      /** Who else has it; `confirmed`: it answered just now. */
      holders: z.array(z.object({ island: z.string(), name: z.string(), state: z.string(), confirmed: z.boolean() })),
      /** Rules that would have too few copies. */
      rules: z.array(
        z.object({ rule: z.string(), origin: z.string(), name: z.string(), kept: z.number(), wanted: z.number() }),
      ),
      /** What forbids it without `force`: as `drop` says it. */
      refusal: z.object({ code: z.string(), message: z.string() }).optional(),
    }),
  ),
})
export type DropPlan = z.infer<typeof dropPlan>
