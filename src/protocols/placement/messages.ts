import { z } from 'zod'
import { replicaState } from '../model/dataset.ts'
import { MAX_ID_LENGTH } from '../model/ids.ts'
import { engineName } from '../model/spark.ts'
import { boundRef, MAX_TASK_DATASETS, taskKind } from '../model/task.ts'
import type { ProtocolSpec } from '../wire/spec.ts'

const count = z.number().int().nonnegative()

export const confirmRequest = z.object({
  /** Who asks, at the asker's island. */
  user: z.string().min(1).max(128),
  kind: taskKind,
  datasets: z.array(boundRef.omit({ table: true })).max(MAX_TASK_DATASETS),
  /** Memory that the work needs. */
  memoryBytes: z.number().int().positive().optional(),
  /** The engine that has to run it. Who does not know the field has none but the built-in one, as its card says. */
  engine: engineName.optional(),
})
export type ConfirmRequest = z.infer<typeof confirmRequest>

export const confirmAnswer = z.object({
  accepts: z.boolean(),
  /** In words, for people at the asker. */
  reason: z.string().max(2000),
  /** Error code of the refusal. */
  code: z.string().max(64).optional(),
  running: count,
  waiting: count,
  /** Pieces of work that may run at once. */
  slots: count,
  /** Milliseconds that this work would wait, judged by what was measured there. */
  queueWaitMs: z.number().nonnegative(),
  /** Milliseconds that the engine needs until work of this kind begins, as measured; absent before the first. */
  startMs: z.number().nonnegative().optional(),
  /** Milliseconds that the answer took there: the rest is the way. */
  tookMs: z.number().nonnegative(),
  /** Those of the datasets that are there, looked at just now. */
  holds: z
    .array(
      z.object({
        id: z.string().max(MAX_ID_LENGTH),
        publisher: z.string().max(64),
        version: z.string().max(64),
        state: replicaState,
      }),
    )
    .max(MAX_TASK_DATASETS),
})
export type ConfirmAnswer = z.infer<typeof confirmAnswer>

/** "Would you take this work now?" Nothing is promised or kept by the answer. */
export const confirmSpec: ProtocolSpec<ConfirmRequest, ConfirmAnswer> = {
  name: 'task-confirm',
  version: 1,
  request: confirmRequest,
  item: confirmAnswer,
  answer: 'single',
  maxRequestBytes: 64 * 1024,
  maxItemBytes: 64 * 1024,
  maxItems: 1,
  timeoutMs: 2_000,
  quota: { concurrent: 32, perMinute: 6000 },
  strangers: false,
}

export const MAX_PROBE_BYTES = 256 * 1024
/** What is asked for: enough to tell a slow link from a fast one, and little for either. */
export const PROBE_BYTES = 64 * 1024
/** Bytes of an item of a probe: what came before a deadline counts. */
export const PROBE_ITEM_BYTES = 4 * 1024

export const probeRequest = z.object({ bytes: z.number().int().positive().max(MAX_PROBE_BYTES) })

/** An empty item at once, then so many bytes: the first tells the round trip, the others the throughput. */
export const probeSpec: ProtocolSpec<z.infer<typeof probeRequest>, { bytes: Uint8Array }> = {
  name: 'link-probe',
  version: 1,
  request: probeRequest,
  item: z.object({ bytes: z.custom<Uint8Array>((value) => value instanceof Uint8Array) }),
  answer: 'series',
  maxRequestBytes: 1024,
  maxItemBytes: PROBE_ITEM_BYTES + 64,
  maxItems: MAX_PROBE_BYTES / PROBE_ITEM_BYTES + 2,
  timeoutMs: 2_000,
  quota: { concurrent: 2, perMinute: 30 },
  strangers: false,
}
