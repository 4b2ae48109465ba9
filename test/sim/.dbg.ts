import { Chaos } from '/work/main/test/sim/chaos.ts'
import { problems } from '/work/main/test/sim/checks.ts'
import { SimWorld } from '/work/main/test/sim/world.ts'

const [seed, islands, o] = [Number(process.argv[2]), Number(process.argv[3]), process.argv[4]!]
const sim = new SimWorld({ seed, islands, liars: seed % 2 === 0 ? 1 : 0 })
await sim.found()
const chaos = new Chaos(sim)
await chaos.run()
await chaos.heal()
for (let i = 0; i < 3; i++) await sim.round()
console.log((await problems(sim)).slice(0, 5))
for (const i of sim.islands) {
  const h = i.catalog?.heads().find((h) => h.origin.startsWith(o))
  console.log(
    i.id.slice(0, 8),
    i.isUp,
    h?.epoch,
    h?.seq,
    h?.liveCount,
    h && new Date(h.time).toISOString(),
    Buffer.from(h?.liveHash ?? [])
      .toString('hex')
      .slice(0, 8),
    JSON.stringify(i.catalog?.status().own),
    i.catalog?.status().recovering,
    i.catalog?.status().orphans,
    sim.liars.has(i) ? 'liar' : '',
  )
}
console.log(new Date(sim.scheduler.now).toISOString())
const bad = sim.islands.find((i) => i.id.startsWith(process.argv[5] ?? 'islmb3'))!
for (const p of bad.init.peers) {
  const r = await sim.act(bad.catalog!.syncWith(sim.network.remote(bad.instance!, p)).catch((e) => e))
  console.log(p.slice(0, 8), JSON.stringify(r))
}
