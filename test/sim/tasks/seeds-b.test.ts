import { suite } from '../../kit/index.ts'
import { taskSeedTests } from './seeds.ts'

const test = suite('simulation of tasks')
taskSeedTests(test, { from: 101, to: 200, each: 20 })
test.run()
