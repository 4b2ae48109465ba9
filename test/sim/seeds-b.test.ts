import { suite } from '../kit/index.ts'
import { seedTests } from './seeds.ts'

const test = suite('simulation')
seedTests(test, { islands: 20, from: 101, to: 200, each: 20 })
test.run()
