/** Statements of which is asked without a pause, and as other people's clients ask. */
import { fileURLToPath } from 'node:url'
import { runClient } from '../../livy/clients/run.ts'
import { type BenchContext, type Figure, spread } from '../bench.ts'
import { cpuMsOf } from '../daemon.ts'
import { type OpenSession, openSession, type Place, run } from './place.ts'
import { added, beside, each, inTurns, least, ofLivy, type Places, ratioOfRounds, type Sides } from './sides.ts'

const PROGRAM = fileURLToPath(new URL('./clients.py', import.meta.url))
const MOST_ADDED_MS = 3
const MOST_RATIO = 1.05
const LONG_MS = [250, 400, 600, 800]

/** Of at least fifty statements, evenly from 50 to 800 ms. */
const CLIENT_MS = Array.from({ length: 51 }, (_, i) => 50 + 15 * i)
/** Each after another of another length. */
const STRIDE = 20

/** What the sum of the times may be, of that at Livy. */
const CLIENTS = { sparkmagic: 0.7, pylivy: 0.78 } as const

let last = 0
/** Another text each time. */
const trivial = () => `${++last} + 1`
const sleeping = (ms: number) => `import time; time.sleep(${ms / 1000})`

/** @param pids of the daemons */
export async function tightPolling(
  { scale, say }: BenchContext,
  sessions: Sides<OpenSession>,
  pids: number[],
): Promise<Figure[]> {
  const work = (code: (round: number) => string): Sides<(round: number) => Promise<number>> => ({
    direct: (round) => run(sessions.direct, code(round)),
    island: (round) => run(sessions.island, code(round)),
  })
  say('trivial statements, asked of without a pause')
  await inTurns(scale.quick ? 3 : 30, work(trivial))
  const cpu = () => pids.reduce((all, pid) => all + cpuMsOf(pid), 0)
  const rounds = scale.quick ? 5 : scale.runs * 5
  const before = cpu()
  const short = await inRounds(rounds)
  const cpuMs = (cpu() - before) / rounds
  say('statements of 250 ms and more, asked of without a pause')
  const long = await inTurns(
    scale.quick ? 2 : scale.runs,
    work((round) => sleeping(LONG_MS[Math.floor(round / 2) % LONG_MS.length]!)),
  )
  return [
    beside('trivial Python, through the island', short),
    ...spread('trivial Python, through the island', short.island),
    added('trivial Python, the island', short, MOST_ADDED_MS),
    least('trivial Python, the island', short),
    { what: 'trivial Python, processor time of the daemons, each', value: cpuMs, unit: 'ms' },
    ratioOfRounds('250 ms and more, through the island', long, MOST_RATIO),
    ofLivy('250 ms and more, through the island', long, MOST_RATIO),
  ]

  function inRounds(count: number) {
    return inTurns(count, work(trivial))
  }
}

/** Every client at both places in turns, in one process, with a session of its own at each (one for all in a smoke run). */
export async function clientsPolling(
  context: BenchContext,
  places: Places,
  shared: Sides<OpenSession>,
  tmpdir: () => Promise<string>,
): Promise<Figure[]> {
  const { scale, signal, say } = context
  const figures: Figure[] = []
  for (const [client, most] of Object.entries(CLIENTS)) {
    say(`statements of ${client}`)
    const sessions = scale.quick ? shared : await each(places, (at) => openSession(context, at))
    const lengths = CLIENT_MS.map((_, i) => CLIENT_MS[(i * STRIDE) % CLIENT_MS.length]!)
    const given = {
      client,
      direct: address(sessions.direct),
      island: address(sessions.island),
      ms: scale.quick ? lengths.slice(0, 6) : lengths,
    }
    const at = { url: places.direct.url }
    const times = await runClient({ signal, tmpdir }, 'notebook', PROGRAM, at, [JSON.stringify(given)])
    figures.push(ofLivy(`${client}, ${given.ms.length} statements of 50 to 800 ms`, times as Sides<number[]>, most))
    if (scale.quick) continue
    await sessions.direct.delete()
    await sessions.island.delete()
  }
  return figures
}

function address({ at, id }: { at: Place; id: number }) {
  return { url: at.url, user: at.login?.user, password: at.login?.password, session: id }
}
