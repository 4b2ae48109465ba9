/** The settings that have a flag of their own, and `--set` for all. */
import type { Command } from 'commander'
import type { ConfigFlags } from '../config/load.ts'
import { SETTINGS } from '../config/settings.ts'

const collect = (value: string, before: string[] = []) => [...before, value]

/** Adds the flags; the returned function takes them out of the command's options. */
export function settingsFlags(
  command: Command,
): (options: Record<string, unknown>) => Pick<ConfigFlags, 'settings' | 'set'> {
  const flagged = SETTINGS.filter((setting) => setting.flag !== undefined)
  for (const { flag, type, description, values } of flagged) {
    const text = description.replace(/\.$/, '')
    if (type === 'boolean') {
      command.option(`--${flag}`, text).option(`--no-${flag}`, `the contrary of --${flag}`)
    } else if (type === 'list') command.option(`--${flag} <address>`, `${text} (repeatable)`, collect)
    else command.option(`--${flag} <${values === undefined ? 'value' : values.join('|')}>`, text)
  }
  command.option('--set <path=value>', 'any setting, see config/reference.md (repeatable)', collect)
  return (options) => {
    const settings: Record<string, unknown> = {}
    for (const { flag, path } of flagged) {
      const value = options[flag!.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())]
      if (value !== undefined) settings[path] = Array.isArray(value) ? value.join(',') : value
    }
    return { settings, set: options.set as string[] | undefined }
  }
}
