/** For tests of what a crash leaves behind. */

/**
 * Reads `<name>[:before|after][:n]` and answers with what ends the process by SIGKILL at that write, the n-th time it
 * comes by (default: before, the first time). Undefined for an empty text.
 */
export function failpointOf(
  text: string | undefined,
  kill: () => void = () => process.kill(process.pid, 'SIGKILL'),
): ((name: string, when: 'before' | 'after') => void) | undefined {
  const match = /^(.+?)(?::(before|after))?(?::(\d+))?$/.exec(text ?? '')
  if (match === null) return undefined
  const [, name, when = 'before', count = '1'] = match
  let left = Number(count)
  return (at, moment) => {
    if (at === name && moment === when && --left === 0) kill()
  }
}
