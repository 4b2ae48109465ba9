import { embeddedEngine } from '../../src/node/engines/embedded/embedded.ts'
import { EMBEDDED, engineContract } from './contract.ts'
import { requiresR, requiresSandbox } from './data.ts'

engineContract({
  name: 'embedded, in a sandbox',
  capabilities: EMBEDDED,
  requires: async () => {
    await requiresSandbox()
    await requiresR()
  },
  create: async (t, init) =>
    embeddedEngine({ ...init, sandbox: 'required', spares: 0, scratchDir: await t.tmpdir() })(),
})
