// Colours and habits of the whole page. Calm water-blue on cool grey.
import {
  ActionIcon,
  Badge,
  Button,
  Card,
  Checkbox,
  createTheme,
  Drawer,
  Menu,
  Modal,
  Notification,
  Tooltip,
  type CSSVariablesResolver,
  type MantineColorsTuple,
} from '@mantine/core';

const tide: MantineColorsTuple = [
  '#e6f6fa', '#d0ecf3', '#a4dae7', '#73c6da', '#4bb4cd', '#2f9fbb', '#1d8ca9', '#0f7a97', '#0a647d', '#064d61',
];

const dark: MantineColorsTuple = [
  '#d5dde6', '#b4c0cc', '#93a1b0', '#5f6e7e', '#2b3642', '#212b36', '#151c25', '#0f151c', '#0b1016', '#070b0f',
];

const gray: MantineColorsTuple = [
  '#f5f7f9', '#ebeff3', '#dfe5eb', '#ccd5de', '#b0bcc8', '#8b99a7', '#64727f', '#4b5864', '#333e49', '#1c252e',
];

export const theme = createTheme({
  primaryColor: 'tide',
  primaryShade: { light: 7, dark: 7 },
  colors: { tide, dark, gray },
  black: '#16202a',
  fontFamily: "'Inter', system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
  fontFamilyMonospace: "ui-monospace, 'SF Mono', 'JetBrains Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace",
  headings: {
    fontWeight: '650',
    sizes: { h1: { fontSize: '1.625rem', lineHeight: '1.25' }, h2: { fontSize: '1.125rem', lineHeight: '1.4' } },
  },
  defaultRadius: 'md',
  radius: { xs: '4px', sm: '6px', md: '10px', lg: '16px', xl: '24px' },
  cursorType: 'pointer',
  respectReducedMotion: true,
  focusRing: 'auto',
  components: {
    Button: Button.extend({ defaultProps: { fw: 600 } }),
    ActionIcon: ActionIcon.extend({ defaultProps: { variant: 'subtle', color: 'gray' } }),
    Badge: Badge.extend({ defaultProps: { variant: 'light', radius: 'sm' }, styles: { root: { textTransform: 'none', fontWeight: 600 } } }),
    Card: Card.extend({ defaultProps: { withBorder: true, radius: 'lg', padding: 'lg' } }),
    Checkbox: Checkbox.extend({ defaultProps: { radius: 'sm' } }),
    Tooltip: Tooltip.extend({ defaultProps: { openDelay: 350, withArrow: true } }),
    Modal: Modal.extend({ defaultProps: { closeButtonProps: { 'aria-label': 'Close' }, centered: true, radius: 'lg', overlayProps: { backgroundOpacity: 0.5, blur: 3 } } }),
    Drawer: Drawer.extend({ defaultProps: { closeButtonProps: { 'aria-label': 'Close' }, position: 'right', overlayProps: { backgroundOpacity: 0.4, blur: 2 } } }),
    Notification: Notification.extend({ defaultProps: { closeButtonProps: { 'aria-label': 'Dismiss' } } }),
    Menu: Menu.extend({ defaultProps: { shadow: 'lg', radius: 'md', withInitialFocusPlaceholder: false } }),
  },
});

/** Tokens of our own, and readable greys: 4.5:1 at least on every surface. */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: { '--ss-nav-width': '236px' },
  light: {
    '--mantine-color-body': '#f5f7f9',
    '--mantine-color-dimmed': '#566472',
    '--mantine-color-placeholder': '#64727f',
    '--mantine-color-default-border': '#dfe5eb',
    '--mantine-color-error': '#c2283a',
    '--mantine-color-tide-light-color': '#0a5d74',
    '--mantine-color-gray-light-color': '#46525e',
    '--mantine-color-green-light-color': '#1b692b',
    '--mantine-color-yellow-light-color': '#7a4d00',
    '--mantine-color-orange-light-color': '#96400f',
    '--mantine-color-red-light-color': '#ad1f2b',
    '--mantine-color-violet-light-color': '#5a37bd',
    '--mantine-color-red-filled': '#cf2a37',
    '--mantine-color-red-filled-hover': '#b6222e',
    '--ss-surface': '#ffffff',
    '--ss-surface-raised': '#ffffff',
    '--ss-surface-sunken': '#edf1f5',
    '--ss-border': '#e0e6ec',
    '--ss-accent-text': '#0b6680',
    '--ss-shadow': '0 1px 2px rgb(22 32 42 / 5%), 0 6px 20px -8px rgb(22 32 42 / 12%)',
    '--ss-glow': 'rgb(29 140 169 / 9%)',
  },
  dark: {
    '--mantine-color-body': '#0b1016',
    '--mantine-color-dimmed': '#93a1b0',
    '--mantine-color-placeholder': '#8593a1',
    '--mantine-color-default-border': '#26313c',
    '--mantine-color-error': '#ff8f9a',
    '--mantine-color-red-filled': '#cf2a37',
    '--mantine-color-red-filled-hover': '#b6222e',
    '--ss-surface': '#121921',
    '--ss-surface-raised': '#17202a',
    '--ss-surface-sunken': '#0e141b',
    '--ss-border': '#212c37',
    '--ss-accent-text': '#6fd0e3',
    '--ss-shadow': '0 1px 2px rgb(0 0 0 / 30%), 0 10px 30px -12px rgb(0 0 0 / 60%)',
    '--ss-glow': 'rgb(47 159 187 / 13%)',
  },
});
