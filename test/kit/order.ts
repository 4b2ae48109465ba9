/**
 * The files that take longest, longest first, as measured on two cores: they are begun first, so that at the end no core is idle
 * while another works off a long one. What needs a Spark comes after two files that do not: it may still be on its way. A file
 * that is missing here is only begun later.
 */
const LONG = [
  'sim/seeds-a',
  'sim/seeds-b',
  'livy/cases/endpoint',
  'livy/engine',
  'docs/sessions',
  'sim/seeds-large',
  'livy/bench',
  'network/islands',
  'livy/clients/islands',
  'livy/tasks',
  'network/data',
  'bench/bench',
  'tasks/kills-both',
  'livy/gateway',
  'livy/cases/livy',
  'livy/work',
  'tasks/kills-asker',
  'livy/pages',
  'tasks/kills-kinds',
  'tasks/kills-holder',
  'network/apart',
  'network/clock',
  'ui/page',
  'ui/access',
  'livy/again',
  'web/schemathesis',
  'cli/tasks',
  'engines/programs',
  'cli/process',
  'livy/limits',
  'livy/site',
  'livy/server',
  'engines/embedded-sandbox',
  'engines/embedded',
  'engines/embedded-sql',
  'hostile/fuzz',
  'demo/demo',
]

const rank = new Map(LONG.map((name, at) => [`test/${name}.test.ts`, at]))

/** Long files first, the others as they come. */
export function longestFirst(files: string[]): string[] {
  const at = (file: string) => rank.get(file.replaceAll('\\', '/')) ?? LONG.length
  return files.toSorted((a, b) => at(a) - at(b))
}

/** For a test of the list. */
export const LONG_FILES: readonly string[] = [...rank.keys()]
