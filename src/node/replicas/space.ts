import { statfs } from 'node:fs/promises'
import { ArchipelError } from '../../protocols/model/errors.ts'

/** Bytes that stay free on the disk whatever is fetched: the island itself needs some. */
const RESERVE_BYTES = 64 * 1024 * 1024

export interface Space {
  /**
   * @param counted of these, what the quota counts already
   * @throws DISK_FULL, QUOTA_EXCEEDED when so many more bytes have no place
   */
  check(more: number, counted?: number): Promise<void>
  /** By how many bytes so many more would exceed the quota; zero or less where they have room. */
  lacking(more: number): number
  free(): Promise<number>
}

/** @param promised bytes of replicas, with those that unfinished transfers will bring */
export function space(init: { dir: string; quotaBytes: number; reserveBytes?: number }, promised: () => number): Space {
  const reserve = init.reserveBytes ?? RESERVE_BYTES
  /** Below zero where the reserve is touched. */
  async function left(): Promise<number> {
    const disk = await statfs(init.dir)
    return disk.bavail * disk.bsize - reserve
  }
  const lacking = (more: number) => promised() + more - init.quotaBytes
  return {
    lacking,
    free: async () => Math.max(0, await left()),
    async check(more, counted = 0) {
      if (lacking(more - counted) > 0)
        throw new ArchipelError('QUOTA_EXCEEDED', `replicas may take ${init.quotaBytes} bytes in all`, {
          details: { quotaBytes: init.quotaBytes, promisedBytes: promised(), neededBytes: more },
        })
      const free = await left()
      if (more > free)
        throw new ArchipelError(
          'DISK_FULL',
          `the disk with the replicas has ${Math.max(0, free)} bytes left for them`,
          {
            details: { freeBytes: Math.max(0, free), neededBytes: more },
            hint: 'Free some space, or set replicas.dir to a larger disk.',
          },
        )
    },
  }
}
