/** Completion scripts, generated from the command tree: commands, options, and the values of options with choices. */
import type { Command, Option } from 'commander'

interface Entry {
  name: string
  summary: string
  options: Option[]
  /** Words that may follow it: its verbs, or the choices of its argument. */
  words: string[]
}

/** The argument choices that are words of ours. */
const CHOICES: Record<string, string[]> = { completion: ['bash', 'zsh'] }
/** Commands whose argument is a file. */
const TAKES_FILE = ['publish', 'run']

function entries(program: Command): Entry[] {
  return program.commands.map((command) => {
    const options = [...command.options, ...command.commands.flatMap((verb) => verb.options)]
    return {
      name: command.name(),
      summary: command.description(),
      options: options.filter((option, i) => options.findIndex((o) => o.long === option.long) === i),
      words: CHOICES[command.name()] ?? command.commands.map((verb) => verb.name()),
    }
  })
}

/** Whether an option takes a file or directory. */
function takesPath({ flags }: Option): boolean {
  return /<(path|file|dir)>/.test(flags)
}

const words = (options: readonly Option[]) => [
  ...options.flatMap((o) => [o.short, o.long].filter((w) => w != null)),
  '--help',
]

export function bashCompletion(program: Command): string {
  const commands = entries(program)
  const all = [...program.options, ...commands.flatMap((c) => c.options)]
  const withValue = [
    ...new Set(
      all
        .filter((o) => o.required)
        .flatMap((o) => [o.short, o.long])
        .filter((w) => w != null),
    ),
  ]
  const choices = new Map(all.filter((o) => o.argChoices).map((o) => [o.long!, o.argChoices!]))
  const paths = [
    ...new Set(
      all
        .filter(takesPath)
        .flatMap((o) => [o.short, o.long])
        .filter((w) => w != null),
    ),
  ]
  const global = words(program.options).join(' ')
  const cases = commands.map(({ name, options, words: choices }) => {
    const own = [...words(options).filter((w) => w !== '--help'), ...choices].join(' ')
    return `    ${name}) own="${own}" ;;`
  })
  return `# bash completion of archipel. Install:
#   archipel completion bash > ~/.local/share/bash-completion/completions/archipel
_archipel() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="" command="" own="" i
  [ "$COMP_CWORD" -gt 0 ] && prev="\${COMP_WORDS[COMP_CWORD-1]}"
  COMPREPLY=()
  case "$prev" in
${[...choices].map(([long, values]) => `    ${long}) COMPREPLY=($(compgen -W "${values.join(' ')}" -- "$cur")); return ;;`).join('\n')}
    ${paths.join('|')}) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur")); return ;;
    ${withValue.filter((w) => !choices.has(w) && !paths.includes(w)).join('|')}) return ;;
  esac
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${COMP_WORDS[i]}" in
      ${withValue.join('|')}) ((i++)) ;;
      -*) ;;
      *) command="\${COMP_WORDS[i]}"; break ;;
    esac
  done
  case "$command" in
    "") own="${commands.map((c) => c.name).join(' ')} help --version" ;;
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$own ${global}" -- "$cur"))
  case "$command" in
    ${TAKES_FILE.join('|')})
      [ "\${cur#-}" = "$cur" ] || return
      compopt -o filenames 2>/dev/null
      COMPREPLY=($(compgen -f -- "$cur")) ;;
  esac
}
complete -F _archipel archipel
`
}

const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`
const zshText = (text: string) => text.replace(/[[\]\\:]/g, '\\$&')

function zshOption(option: Option): string[] {
  const action = option.argChoices
    ? `:value:(${option.argChoices.join(' ')})`
    : takesPath(option)
      ? ':path:_files'
      : option.required
        ? ':value: '
        : ''
  const repeat = /repeatable/.test(option.description) ? '*' : ''
  return [option.short, option.long]
    .filter((w) => w != null)
    .map((w) => quote(`${repeat}${w}[${zshText(option.description)}]${action}`))
}

export function zshCompletion(program: Command): string {
  const commands = entries(program)
  const global = program.options.flatMap(zshOption)
  const indent = (lines: string[], by: string) => lines.join(` \\\n${by}`)
  const cases = commands.map(({ name, options, words: choices }) => {
    const rest = TAKES_FILE.includes(name)
      ? "'*:path:_files'"
      : choices.length === 0
        ? "'*:argument: '"
        : `${quote(`1:word:(${choices.join(' ')})`)} '*:argument: '`
    return `        ${name}) _arguments ${indent([...options.flatMap(zshOption), '$global', rest], '          ')} ;;`
  })
  return `#compdef archipel
# zsh completion of archipel. Install:
#   archipel completion zsh > "\${fpath[1]}/_archipel"
_archipel() {
  local -a global commands
  local line state
  global=(
    ${[...global, "'(-h --help)'{-h,--help}'[print help]'"].join('\n    ')}
  )
  commands=(
    ${commands.map((c) => quote(`${c.name}:${zshText(c.summary)}`)).join('\n    ')}
  )
  _arguments -C $global '1:command:->command' '*::argument:->argument'
  case "$state" in
    command) _describe command commands ;;
    argument)
      case "\${line[1]}" in
${cases.join('\n')}
      esac ;;
  esac
}
if [ "$funcstack[1]" = "_archipel" ]; then _archipel "$@"; else compdef _archipel archipel; fi
`
}
