import { Skeleton } from '@mantine/core';
import { lazy, Suspense } from 'react';
import type { YamlEditorProps } from './YamlEditor';

const Editor = lazy(() => import('./YamlEditor'));

/** The editor is large: it comes when somebody edits. */
export function LazyYamlEditor(props: YamlEditorProps) {
  return (
    <Suspense fallback={<Skeleton h={props.minHeight ?? 320} radius="md" />}>
      <Editor {...props} />
    </Suspense>
  );
}
