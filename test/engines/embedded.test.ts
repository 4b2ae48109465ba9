import { embeddedEngine } from '../../src/node/engines/embedded/embedded.ts'
import { EMBEDDED, engineContract } from './contract.ts'
import { requiresR } from './data.ts'

engineContract({
  name: 'embedded, without a sandbox',
  capabilities: EMBEDDED,
  requires: requiresR,
  create: async (t, init) => embeddedEngine({ ...init, sandbox: 'off', spares: 0, scratchDir: await t.tmpdir() })(),
})
