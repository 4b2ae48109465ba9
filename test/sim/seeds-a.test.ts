import { suite } from '../kit/index.ts'
import { seedTests } from './seeds.ts'

const test = suite('simulation')
seedTests(test, { islands: 20, from: 1, to: 100, each: 20 })
test.run()
