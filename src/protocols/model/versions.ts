/** Versions of a dataset, and what differs between two of them, as people and programs see it. */
import { z } from 'zod'
import { replicaState } from './dataset.ts'
import { named } from './parts.ts'

export const amount = z.object({
  files: z.number().int().nonnegative(),
  bytes: z.number().int().nonnegative(),
})
export type Amount = z.infer<typeof amount>

/** Files that differ: bytes of those added and changed as they are afterwards, of those removed as they were. */
export const versionChanges = z.object({ added: amount, changed: amount, removed: amount })
export type VersionChanges = z.infer<typeof versionChanges>

export const fileChange = z.object({
  path: z.string(),
  change: z.enum(['added', 'changed', 'removed']),
  /** Absent of a file that was not there. */
  bytesBefore: z.number().int().nonnegative().optional(),
  /** Absent of a file that is there no more. */
  bytesAfter: z.number().int().nonnegative().optional(),
})
export type FileChange = z.infer<typeof fileChange>

/** What publishing a dataset again did, or, of a dry run, would do. */
export const datasetUpdate = z.object({
  id: z.string(),
  /** The versions before and after; equal when no file changed. */
  from: z.string(),
  version: z.string(),
  /** Whether anything changed: files, or what is said of them. */
  changed: z.boolean(),
  /** Whether a new record was written: false where nothing changed, and after a dry run. */
  recorded: z.boolean(),
  changes: versionChanges,
  /** The first 1,000, in the order of their paths. */
  files: z.array(fileChange),
  /** What was read, and what was known already. */
  hashed: amount,
  reused: amount,
})
export type DatasetUpdate = z.infer<typeof datasetUpdate>

/** Files that an update names. */
export const MAX_UPDATE_FILES = 1000

/** A version of a dataset, as far as it is known: the publisher names some, islands hold others. */
export const versionView = z.object({
  version: z.string(),
  /** The one that is published now. */
  current: z.boolean(),
  /** ISO 8601 instant of its publishing; absent, with the amounts, where nobody says so any more. */
  modified: z.string().optional(),
  files: z.number().int().optional(),
  size: z.number().int().optional(),
  holders: z.array(z.object({ island: z.string(), name: z.string(), state: replicaState, version: z.string() })),
})
export type VersionView = z.infer<typeof versionView>

export const datasetVersions = z.object({
  id: z.string(),
  publisher: named,
  /** The newest first; those that nobody dates come last. */
  items: z.array(versionView),
})
export type DatasetVersions = z.infer<typeof datasetVersions>

/** What differs between two versions of a dataset. */
export const versionDiff = z.object({
  id: z.string(),
  publisher: named,
  from: z.string(),
  to: z.string(),
  /** No file differs. */
  same: z.boolean(),
  changes: versionChanges,
  /** A page of the files that differ, in the order of their paths. */
  items: z.array(fileChange),
  next: z.string().optional(),
})
export type VersionDiff = z.infer<typeof versionDiff>

export interface DiffRequest {
  /** A version, or its first eight digits or more. */
  from: string
  /** The present one when absent. */
  to?: string
  /** Files on one page. Default 100, at most 1,000. */
  limit?: number
  cursor?: string
}
