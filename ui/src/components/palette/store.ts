// Opens the command palette from anywhere. Its code is loaded when first wanted.
type Listener = () => void;
let listener: Listener | undefined;

export function openPalette(): void {
  listener?.();
}

export function onOpenPalette(call: Listener): () => void {
  listener = call;
  return () => {
    if (listener === call) listener = undefined;
  };
}
