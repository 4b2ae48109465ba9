import { readFileSync } from 'node:fs'

/** Of the software, from its package, e.g. `0.1.0`. */
export const SOFTWARE = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
).version
