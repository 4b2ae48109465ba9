/** What is kept of a result that no sink takes. */
export const COLLECT_ROWS = 100_000
export const COLLECT_BYTES = 16 * 1024 ** 2
