interface StatusDotProps {
  /** A colour of the theme. */
  color: string;
  size?: number;
}

/** Decoration beside a word that says the same. */
export function StatusDot({ color, size = 8 }: StatusDotProps) {
  return (
    <span
      aria-hidden
      style={{
        display: 'inline-block',
        flex: 'none',
        width: size,
        height: size,
        borderRadius: '50%',
        background: `var(--mantine-color-${color}-6)`,
      }}
    />
  );
}
