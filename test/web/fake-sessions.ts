/** The sessions of a real island, over an engine that answers each statement with its own text. */
import type { EngineSession, SessionInit } from '../../src/node/engines/port.ts'
import { engineSession } from '../../src/node/engines/session/session.ts'
import { places } from '../../src/node/sessions/places.ts'
import { type Sessions, type SessionsInit, sessions } from '../../src/node/sessions/sessions.ts'
import { ArchipelError } from '../../src/protocols/model/errors.ts'

export interface FakeEngine {
  /** Sessions that were made, and how many of them are open. */
  readonly made: SessionInit[]
  readonly open: number
  /** Replaces what begins a session. */
  begin: (init: SessionInit, signal: AbortSignal | undefined) => Promise<EngineSession>
  /** `wait` waits until it is cancelled; `fail` fails; `log <text>` is logged by nobody. */
  session(init: SessionInit): EngineSession
}

export function fakeEngine(): FakeEngine {
  let id = 0
  let open = 0
  const made: SessionInit[] = []
  const session = (init: SessionInit): EngineSession => {
    made.push(init)
    open++
    const exited = Promise.withResolvers<void>()
    let dead = false
    const kill = async () => {
      if (!dead) open--
      dead = true
      exited.resolve()
    }
    return engineSession({
      id: ++id,
      kind: init.kind,
      onEnd: () => {},
      backend: {
        get dead() {
          return dead
        },
        exited: exited.promise,
        kill,
        async execute(code, { signal, maxRows = 0 }) {
          if (code === 'fail') throw new ArchipelError('CODE_FAILED', 'NameError: x\n  line 1\n  line 2')
          if (code === 'die') await kill()
          if (code === 'wait')
            await new Promise((_, reject) => {
              signal.addEventListener('abort', () =>
                reject(new ArchipelError('CANCELLED', 'the statement was cancelled')),
              )
            })
          const rows = code.startsWith('big') ? [['x'.repeat(Number(code.slice(3)))]] : [[code, maxRows]]
          const columns = [
            { name: 'code', type: 'VARCHAR' },
            { name: 'rows', type: 'BIGINT', unit: 'ct' },
          ]
          const bytes = Buffer.from('hello\n')
          return {
            result: { columns, rows, rowCount: 1, truncated: false },
            items: [
              { name: 'text.txt', mediaType: 'text/plain', bytes },
              { name: 'figure-1.png', mediaType: 'image/png', bytes },
            ],
            elapsedMs: 1,
          }
        },
      },
    })
  }
  const engine: FakeEngine = {
    made,
    get open() {
      return open
    },
    begin: async (init) => session(init),
    session,
  }
  return engine
}

export function fakeSessions(
  engine: FakeEngine,
  init: Partial<SessionsInit> = {},
  stale: () => boolean = () => false,
): Sessions & { readonly journal: { actor: string; action: string; subject: string; outcome: string }[] } {
  const journal: { actor: string; action: string; subject: string; outcome: string }[] = []
  let last = 0
  const made = sessions(
    { self: 'isl-self', max: 2, idleMs: 60_000, ...init },
    {
      engine: { createSession: (of, options = {}) => engine.begin(of, options.signal) },
      places: places(init.max ?? 2),
      data: {
        bind: async () => [],
        recheck: async () => {
          if (stale()) throw new ArchipelError('STALE', 'the source files changed')
        },
      },
      pin: async (ref) => {
        if (ref === 'nothing') throw new ArchipelError('DATASET_NOT_FOUND', 'no such dataset')
        return { table: ref, id: `urn:${ref}`, publisher: 'isl-self', version: 'v' }
      },
      lastId: {
        get: async () => last,
        put: async (id) => {
          last = id
        },
      },
      policy: { check: () => {} },
      journal: { write: (entry) => void journal.push(entry), read: async () => ({ items: [] }) },
      logger: { warn: () => {} },
    },
  )
  return { ...made, journal }
}
