import { effect } from '@preact/signals'
import { kept } from './kept.ts'

export type Theme = 'auto' | 'light' | 'dark'

/** `auto` follows the system. */
export const theme = kept<Theme>('theme', 'auto')

export function startTheme(): void {
  effect(() => {
    document.documentElement.dataset.theme = theme.value
  })
}
