import {
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  closeCompletion,
  completionKeymap,
} from '@codemirror/autocomplete'
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands'
import { python } from '@codemirror/lang-python'
import { keywordCompletionSource, PostgreSQL, sql } from '@codemirror/lang-sql'
import { bracketMatching, indentOnInput, indentUnit } from '@codemirror/language'
import { Compartment, EditorState, type Extension } from '@codemirror/state'
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers, placeholder } from '@codemirror/view'
import { useEffect, useRef } from 'preact/hooks'
import { code, type EditorKind, kind } from '../../state/draft.ts'
import { completeProgram, completeSql } from './completion.ts'
import { look } from './highlight.ts'

/** The only style sheet that is made while the page runs; the page's policy allows it by this nonce. */
const nonce = () => document.querySelector<HTMLLinkElement>('link[nonce]')?.nonce ?? ''

const HINTS: Record<EditorKind, string> = {
  sql: 'SELECT ... FROM a dataset. Ctrl-Enter runs it.',
  python: 'A Python program. Ctrl-Enter runs it.',
  r: 'An R program. Ctrl-Enter runs it.',
}

function languageOf(language: EditorKind): Extension {
  const hint = placeholder(HINTS[language])
  if (language === 'sql')
    return [
      sql({ dialect: PostgreSQL }),
      autocompletion({ override: [completeSql, keywordCompletionSource(PostgreSQL, true)] }),
      hint,
    ]
  return [
    language === 'python' ? [python(), indentUnit.of('    ')] : [],
    autocompletion({ override: [completeProgram] }),
    hint,
  ]
}

/**
 * Typing over a selection. Left to itself, Chromium wraps what is typed into an element with an inline style, which the
 * policy of the page refuses and reports.
 */
const typeOver = EditorView.domEventHandlers({
  beforeinput(event, view) {
    const { data, inputType, isComposing } = event
    const { from, to } = view.state.selection.main
    if (inputType !== 'insertText' || data === null || isComposing || view.composing || from === to) return false
    event.preventDefault()
    const insert = () =>
      view.state.update(view.state.replaceSelection(data), { userEvent: 'input.type', scrollIntoView: true })
    const handlers = view.state.facet(EditorView.inputHandler)
    if (!handlers.some((handler) => handler(view, from, to, data, insert))) view.dispatch(insert())
    return true
  },
})

/** The text of the present language. Tab leaves it, as everywhere; Ctrl-] and Ctrl-[ indent. */
export function Code({ onRun }: { onRun: () => void }) {
  const box = useRef<HTMLDivElement>(null)
  const view = useRef<EditorView | undefined>(undefined)
  const language = useRef(new Compartment())
  const run = useRef(onRun)
  run.current = onRun

  useEffect(() => {
    const runKey = {
      key: 'Mod-Enter',
      run: (editor: EditorView) => {
        closeCompletion(editor)
        run.current()
        return true
      },
    }
    view.current = new EditorView({
      parent: box.current!,
      state: EditorState.create({
        doc: code.peek()[kind.peek()],
        extensions: [
          EditorView.cspNonce.of(nonce()),
          keymap.of([runKey, ...closeBracketsKeymap, ...completionKeymap, ...defaultKeymap, ...historyKeymap]),
          lineNumbers(),
          history(),
          drawSelection(),
          indentOnInput(),
          bracketMatching(),
          closeBrackets(),
          highlightActiveLine(),
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({ 'aria-label': 'Code', 'aria-describedby': 'code-keys' }),
          typeOver,
          look(),
          language.current.of(languageOf(kind.peek())),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) code.value = { ...code.peek(), [kind.peek()]: update.state.doc.toString() }
          }),
        ],
      }),
    })
    return () => view.current?.destroy()
  }, [])

  const wanted = kind.value
  const text = code.value[wanted]
  useEffect(() => {
    view.current?.dispatch({ effects: language.current.reconfigure(languageOf(wanted)) })
  }, [wanted])
  // From elsewhere: another language, or a question that a dataset put here.
  useEffect(() => {
    const editor = view.current
    // What is kept now, not what it was when this was drawn: keys are faster than drawing.
    const now = code.peek()[kind.peek()]
    if (editor === undefined || editor.state.doc.toString() === now) return
    editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: now } })
  }, [text])

  return <div class="code" ref={box} />
}
