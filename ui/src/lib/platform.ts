const apple = /Mac|iPhone|iPad/.test(navigator.platform);

/** How the command-palette key is written here. */
export const modKey = apple ? '⌘' : 'Ctrl';
