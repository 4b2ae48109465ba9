/** Islands in one process that drop what rules ask them to keep. */
import * as assert from 'uvu/assert'
import { toArchipelError } from '../../src/protocols/model/errors.ts'
import { settled as converged, found, type Home, joined } from '../hostile/islands.ts'
import { rejects, suite } from '../kit/index.ts'
import { bytes, settled, writeFiles } from '../replicas/kit.ts'

const test = suite('promises: islands that drop')

const OBEY = { 'rules.accept': ['members'], 'rules.claimMs': 60_000 }

test('three holders that drop at once leave as many as the rule asks for; one that is away refuses the next drop', async (t) => {
  const a = await found(t, 'a', OBEY)
  const others: Home[] = []
  for (const name of ['b', 'c', 'd']) others.push(await joined(t, a, name, OBEY))
  const homes = [a, ...others]
  await converged(t, homes)
  const path = await writeFiles(`${a.dataDir}-data`, { 'x.bin': bytes(10_000) })
  const { id } = await a.port.publish({ path, name: 'data', as: 'files' })
  await converged(t, homes)
  for (const { port } of others) await settled(port, (await port.get(id)).id, t)
  await a.port.rules.add({ select: {}, copies: 3 })
  await converged(t, homes)
  const drop = ({ port }: Home, force = false) =>
    port.drop(id, { force }).then(
      () => 'ok',
      (cause: unknown) => toArchipelError(cause).code,
    )
  // Of four copies three have to stay.
  const codes = await Promise.all(others.map((home) => drop(home)))
  assert.is(codes.filter((code) => code === 'ok').length, 1, `${codes}`)
  const [one, other] = others.filter((_, i) => codes[i] !== 'ok') as [Home, Home]
  await converged(t, homes)
  const { holders } = await a.port.dataset(id)
  assert.is(holders.filter(({ state }) => state === 'available').length, 3)
  await rejects(one.port.drop(id), 'BELOW_RULE')
  // It comes back, and another one goes away: nobody knows whether its copy stays.
  const gone = codes.indexOf('ok')
  await settled(others[gone]!.port, (await others[gone]!.port.get(id)).id, t)
  await converged(t, homes)
  await other.stop()
  const error = await rejects(others[gone]!.port.drop(id), 'PROMISE_MISSING')
  assert.equal((error.details as { unanswered: string[] }).unanswered, [other.name])
  assert.is(await drop(others[gone]!, true), 'ok', 'force asks nobody')
})

test.run()
