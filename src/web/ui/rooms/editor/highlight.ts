import { HighlightStyle, syntaxHighlighting } from '@codemirror/language'
import type { Extension } from '@codemirror/state'
import { EditorView } from '@codemirror/view'
import { tags } from '@lezer/highlight'

/** Colours come from the variables of the page, so that they follow its light and dark. */
export function look(): Extension {
  return [
    syntaxHighlighting(
      HighlightStyle.define([
        { tag: [tags.keyword, tags.operatorKeyword, tags.modifier], color: 'var(--code-keyword)', fontWeight: '600' },
        { tag: [tags.string, tags.special(tags.string)], color: 'var(--code-string)' },
        { tag: [tags.number, tags.bool, tags.null], color: 'var(--code-number)' },
        { tag: [tags.comment], color: 'var(--code-comment)', fontStyle: 'italic' },
        { tag: [tags.typeName, tags.standard(tags.name), tags.function(tags.variableName)], color: 'var(--code-name)' },
      ]),
    ),
    EditorView.theme({
      '&': { fontSize: '13.5px', backgroundColor: 'var(--field)', color: 'var(--ink)' },
      '&.cm-focused': { outline: '2px solid var(--focus)', outlineOffset: '-1px' },
      '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.5', minHeight: '6.5rem', maxHeight: '45vh' },
      '.cm-content': { caretColor: 'var(--ink)' },
      '.cm-cursor': { borderLeftColor: 'var(--ink)' },
      '.cm-gutters': { backgroundColor: 'var(--panel)', color: 'var(--dim)', borderRight: '1px solid var(--line)' },
      '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'var(--hover)' },
      '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
        backgroundColor: 'var(--selection)',
      },
      '.cm-matchingBracket': { backgroundColor: 'var(--selection)', outline: 'none' },
      '.cm-tooltip': { backgroundColor: 'var(--panel)', color: 'var(--ink)', border: '1px solid var(--line-strong)' },
      '.cm-tooltip-autocomplete > ul > li[aria-selected]': {
        backgroundColor: 'var(--accent)',
        color: 'var(--on-accent)',
      },
      '.cm-completionDetail': { fontStyle: 'normal', color: 'var(--dim)' },
      'li[aria-selected] .cm-completionDetail': { color: 'inherit' },
      '.cm-placeholder': { color: 'var(--dim)' },
    }),
  ]
}
