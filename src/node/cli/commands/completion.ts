import type { Command } from 'commander'
import { ArchipelError } from '../../../protocols/model/errors.ts'
import { bashCompletion, zshCompletion } from '../completion.ts'
import type { Cli } from '../context.ts'

export function define(command: Command, cli: Cli): void {
  command
    .argument('<shell>', 'bash or zsh')
    .addHelpText(
      'after',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: for the shell
      '\nInstall:\n  bash:  archipel completion bash > ~/.local/share/bash-completion/completions/archipel\n  zsh:   archipel completion zsh > "${fpath[1]}/_archipel"\n\nExample:\n  $ source <(archipel completion bash)',
    )
    .action(async (shell: string) => {
      const write = { bash: bashCompletion, zsh: zshCompletion }[shell]
      if (write === undefined)
        throw new ArchipelError('BAD_INPUT', `no completion for ${shell}; there is one for bash and one for zsh`)
      await cli.loadAll()
      cli.io.write(write(cli.program))
    })
}
