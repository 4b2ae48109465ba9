import { embeddedEngine } from '../../src/node/engines/embedded/embedded.ts'
import { engineContract } from './contract.ts'
import { requiresSandbox } from './data.ts'

engineContract({
  name: 'embedded, without a sandbox',
  create: async (t, init) => embeddedEngine({ ...init, sandbox: 'off', scratchDir: await t.tmpdir() })(),
})

engineContract({
  name: 'embedded, in a sandbox',
  requires: requiresSandbox,
  create: async (t, init) => embeddedEngine({ ...init, sandbox: 'required', scratchDir: await t.tmpdir() })(),
})
