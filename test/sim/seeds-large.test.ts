import { suite } from '../kit/index.ts'
import { seedTests } from './seeds.ts'

const test = suite('simulation')
seedTests(test, { islands: 200, from: 1, to: 5, each: 1 })
test.run()
