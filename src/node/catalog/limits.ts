/** Bounds of the catalog and why they are where they are. Those of messages are in protocols/sync. */

/** Live records of one log: a site that publishes a million datasets; about 2 GB of bodies. */
export const MAX_LOG_RECORDS = 1_000_000
/** Member records of one log that are looked at; an island invites hundreds, not a hundred thousand. */
export const MAX_MEMBER_RECORDS = 100_000
/** Facts known besides the logs: what tickets and peers have shown. */
export const MAX_EXTRA_FACTS = 10_000
/** A ranged pull is put together in memory; beyond either bound the log is pulled whole, by way of the disk. */
export const MAX_RANGED_RECORDS = 10_000
export const MAX_RANGED_BYTES = 64 * 1024 * 1024
/** A log pulled whole is told of as it came, up to here; a larger one is read again for it. */
export const MAX_KEPT_BYTES = 16 * 1024 * 1024
/** Whole logs up to here are checked record by record before use, larger ones afterwards: 1,000 take 0.1 s. */
export const VERIFY_FIRST_RECORDS = 1_000
/** Signatures checked between two breaths of the event loop. */
export const VERIFY_SLICE = 200
/** Entries waiting to be appended, and the most that go into one commit. */
export const MAX_WAITING_ENTRIES = 10_000
export const MAX_BATCH_ENTRIES = 1_000
/** Records of one origin kept for it after it lost them. */
export const MAX_ORPHANS = 100_000
/** Turns of compare-and-pull in one round; each but the last brought something. */
export const MAX_TURNS = 8
/** Changes told at once. */
export const CHANGES_AT_ONCE = 500
/** Milliseconds between two announcements: four a second. */
export const ANNOUNCE_MS = 250
/** Milliseconds that withdrawals are kept and passed on: an island away for longer pulls whole logs once. */
export const TOMBSTONE_MS = 30 * 24 * 3600 * 1000
/** Milliseconds between two clearings of old withdrawals. */
export const PURGE_MS = 24 * 3600 * 1000
/** Milliseconds a head may be ahead of the own clock. */
export const MAX_CLOCK_SKEW_MS = 10 * 60 * 1000
/** Peers whose clocks must agree before they count for more than the own one. */
export const CLOCK_WITNESSES = 3
/** Milliseconds within which somebody states again what lost its author; a random part of it, so that one does. */
export const REHOME_MS = 120_000
