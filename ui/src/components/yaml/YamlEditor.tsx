// A text editor for YAML: CodeMirror with line numbers, colours of the page's theme, and marks where the server
// found something wrong. Loaded when it is needed (LazyYamlEditor).
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { yaml } from '@codemirror/lang-yaml';
import { HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting } from '@codemirror/language';
import { lintGutter, setDiagnostics, type Diagnostic } from '@codemirror/lint';
import { Compartment, EditorState } from '@codemirror/state';
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { useComputedColorScheme } from '@mantine/core';
import { useEffect, useRef } from 'react';
import type { FieldError } from '@/api/types';

export interface YamlEditorProps {
  value: string;
  onChange: (value: string) => void;
  label: string;
  /** What the server says of this text. */
  faults?: FieldError[];
  minHeight?: number;
}

const dark = new Compartment();

// As high as its text: what is around it scrolls, and a keyboard gets everywhere.
const theme = (minHeight: number) =>
  EditorView.theme({
    '&': { border: '1px solid var(--ss-border)', borderRadius: '10px', backgroundColor: 'var(--mantine-color-body)', fontSize: '13.5px' },
    '&.cm-focused': { outline: '2px solid var(--mantine-primary-color-filled)', outlineOffset: '1px' },
    '.cm-scroller': { fontFamily: 'var(--mantine-font-family-monospace)', minHeight: `${minHeight}px` },
    '.cm-content': { caretColor: 'var(--mantine-color-text)' },
    '.cm-cursor': { borderLeftColor: 'var(--mantine-color-text)' },
    '.cm-gutters': { backgroundColor: 'transparent', color: 'var(--mantine-color-dimmed)', border: 'none' },
    '.cm-activeLine': { backgroundColor: 'color-mix(in srgb, var(--mantine-color-text) 4%, transparent)' },
    '.cm-tooltip': { backgroundColor: 'var(--ss-surface)', color: 'var(--mantine-color-text)', border: '1px solid var(--ss-border)' },
  });

const colours = (isDark: boolean) =>
  syntaxHighlighting(
    HighlightStyle.define([
      { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: isDark ? '#7cc4ff' : '#0b5394' },
      { tag: [tags.string, tags.content], color: isDark ? '#a8d59d' : '#276221' },
      { tag: tags.comment, color: isDark ? '#9aa5b1' : '#5a6572', fontStyle: 'italic' },
      { tag: [tags.keyword, tags.meta, tags.separator], color: isDark ? '#d7b3ff' : '#6b2fa0' },
    ]),
  );

function diagnosticsOf(state: EditorState, faults: FieldError[]): Diagnostic[] {
  return faults
    .filter((fault) => fault.line)
    .map((fault) => {
      const line = state.doc.line(Math.min(fault.line ?? 1, state.doc.lines));
      const from = Math.min(line.from + (fault.column ?? 1) - 1, line.to);
      return { from, to: line.to, severity: 'error' as const, message: fault.field ? `${fault.field}: ${fault.message}` : fault.message };
    });
}

export default function YamlEditor({ value, onChange, label, faults, minHeight = 320 }: YamlEditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>();
  const told = useRef(onChange);
  told.current = onChange;
  const isDark = useComputedColorScheme('light') === 'dark';
  const first = useRef({ value, label, isDark, minHeight });

  useEffect(() => {
    const start = first.current;
    const editor = new EditorView({
      parent: host.current!,
      state: EditorState.create({
        doc: start.value,
        extensions: [
          lineNumbers(),
          history(),
          drawSelection(),
          highlightActiveLine(),
          indentOnInput(),
          indentUnit.of('  '),
          yaml(),
          lintGutter(),
          // Escape, then Tab leaves the editor, as CodeMirror has it.
          keymap.of([...defaultKeymap, ...historyKeymap, indentWithTab]),
          EditorView.contentAttributes.of({ 'aria-label': start.label }),
          EditorView.lineWrapping,
          theme(start.minHeight),
          dark.of(colours(start.isDark)),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) told.current(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = editor;
    return () => editor.destroy();
  }, []);

  useEffect(() => {
    view.current?.dispatch({ effects: dark.reconfigure(colours(isDark)) });
  }, [isDark]);

  // Set from elsewhere: a file was dropped.
  useEffect(() => {
    const editor = view.current;
    if (editor && editor.state.doc.toString() !== value) {
      editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } });
    }
  }, [value]);

  useEffect(() => {
    const editor = view.current;
    if (editor) editor.dispatch(setDiagnostics(editor.state, diagnosticsOf(editor.state, faults ?? [])));
  }, [faults]);

  return <div ref={host} data-testid="yaml-editor" />;
}
