/** Settings of outside sources. */
import { z } from 'zod'
import { about, bytes, GiB, MiB } from './parts.ts'

export const outside = z.strictObject({
  sources: z
    .array(
      z
        .string()
        .max(4096)
        .regex(
          /^((https?|s3|hdfs|root):\/\/[^\s?#@]+|rclone:[^\s:]+:\S*)(\s+[a-z]+=\S+)*\s*$/,
          'write it like https://data.example.org/survey/',
        ),
    )
    .max(1000)
    .default([])
    .describe(
      'Services outside of all islands whose files this island may read and publish: a place, and options after it, e.g. "s3://survey/dr1/ endpoint=https://s3.example.org credentials=/etc/archipel/s3".',
    ),
  cacheBytes: bytes(MiB, 1_048_576 * GiB)
    .default(20 * GiB)
    .describe('Bytes of copies of their files, which the built-in engine reads.')
    .register(about, { unit: 'bytes' }),
})
