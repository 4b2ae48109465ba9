import { embeddedEngine } from '../../src/node/engines/embedded/embedded.ts'
import { sqlContract } from './contract-sql.ts'
import { requiresSandbox } from './data.ts'

sqlContract({
  name: 'embedded, without a sandbox',
  create: async (t, init) => embeddedEngine({ ...init, sandbox: 'off', scratchDir: await t.tmpdir() })(),
})

sqlContract({
  name: 'embedded, in a sandbox',
  requires: requiresSandbox,
  create: async (t, init) => embeddedEngine({ ...init, sandbox: 'required', scratchDir: await t.tmpdir() })(),
})
