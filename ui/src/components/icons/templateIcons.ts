// Which picture and which colours an application has. Looked up by the
// template's `icon`, then its name, then its category.
import {
  IconApi,
  IconApps,
  IconBooks,
  IconBox,
  IconBrandChrome,
  IconBrandDocker,
  IconBrandEdge,
  IconBrandFirefox,
  IconBrandPython,
  IconBrandUbuntu,
  IconBrandVscode,
  IconBrush,
  IconCalculator,
  IconChartDots,
  IconCode,
  IconCube,
  IconDatabase,
  IconDeviceDesktop,
  IconDeviceGamepad2,
  IconFileSpreadsheet,
  IconFileText,
  IconFolder,
  IconMail,
  IconMessages,
  IconMicrophone,
  IconMovie,
  IconMusic,
  IconNotebook,
  IconPalette,
  IconPhoto,
  IconPresentation,
  IconSchool,
  IconShieldLock,
  IconTerminal2,
  IconTrafficCone,
  IconVector,
  IconWorld,
  IconWriting,
  type Icon,
} from '@tabler/icons-react';

export interface TemplateLook {
  icon: Icon;
  from: string;
  to: string;
}

const look = (icon: Icon, from: string, to: string): TemplateLook => ({ icon, from, to });

const orange = ['#ff9a3d', '#e0452c'] as const;
const blue = ['#4f9df7', '#2458c9'] as const;
const green = ['#3fc07f', '#16814f'] as const;
const teal = ['#35c3c1', '#0d7e8c'] as const;
const purple = ['#a07cf5', '#5f3bc4'] as const;
const pink = ['#f27bb0', '#bd3479'] as const;
const slate = ['#5b6b7c', '#27323e'] as const;
const amber = ['#f9bd3f', '#db7b14'] as const;
const red = ['#f2716b', '#bb2d3b'] as const;

const byWord: Record<string, TemplateLook> = {
  firefox: look(IconBrandFirefox, ...orange),
  chromium: look(IconBrandChrome, ...blue),
  chrome: look(IconBrandChrome, ...green),
  edge: look(IconBrandEdge, ...teal),
  browser: look(IconWorld, ...blue),
  terminal: look(IconTerminal2, ...slate),
  xterm: look(IconTerminal2, ...slate),
  desktop: look(IconDeviceDesktop, ...teal),
  webtop: look(IconDeviceDesktop, ...purple),
  ubuntu: look(IconBrandUbuntu, ...orange),
  libreoffice: look(IconFileText, ...green),
  onlyoffice: look(IconFileText, ...red),
  writer: look(IconWriting, ...blue),
  calc: look(IconFileSpreadsheet, ...green),
  impress: look(IconPresentation, ...orange),
  calculator: look(IconCalculator, ...slate),
  gimp: look(IconBrush, ...amber),
  krita: look(IconPalette, ...pink),
  inkscape: look(IconVector, ...slate),
  darktable: look(IconPhoto, ...slate),
  blender: look(IconCube, ...orange),
  freecad: look(IconCube, ...red),
  vlc: look(IconTrafficCone, ...orange),
  kdenlive: look(IconMovie, ...blue),
  audacity: look(IconMicrophone, ...blue),
  code: look(IconBrandVscode, ...blue),
  vscode: look(IconBrandVscode, ...blue),
  vscodium: look(IconBrandVscode, ...teal),
  jupyter: look(IconNotebook, ...amber),
  python: look(IconBrandPython, ...blue),
  rstudio: look(IconChartDots, ...blue),
  dbeaver: look(IconDatabase, ...amber),
  postman: look(IconApi, ...orange),
  docker: look(IconBrandDocker, ...blue),
  thunderbird: look(IconMail, ...blue),
  mail: look(IconMail, ...blue),
  calibre: look(IconBooks, ...amber),
  keepassxc: look(IconShieldLock, ...green),
  thunar: look(IconFolder, ...teal),
  files: look(IconFolder, ...teal),
  // Categories.
  browsers: look(IconWorld, ...blue),
  web: look(IconWorld, ...blue),
  development: look(IconCode, ...purple),
  developer: look(IconCode, ...purple),
  office: look(IconFileText, ...green),
  productivity: look(IconFileText, ...green),
  graphics: look(IconPalette, ...pink),
  design: look(IconPalette, ...pink),
  media: look(IconMovie, ...red),
  multimedia: look(IconMovie, ...red),
  music: look(IconMusic, ...pink),
  games: look(IconDeviceGamepad2, ...purple),
  gaming: look(IconDeviceGamepad2, ...purple),
  education: look(IconSchool, ...amber),
  science: look(IconChartDots, ...teal),
  communication: look(IconMessages, ...teal),
  desktops: look(IconDeviceDesktop, ...teal),
  system: look(IconTerminal2, ...slate),
  utilities: look(IconBox, ...slate),
};

/** The words that `icon` may be. */
export const ICON_WORDS: readonly string[] = Object.keys(byWord).sort();

const unknown = look(IconApps, ...teal);

export function templateLook(icon?: string | null, name?: string, category?: string | null): TemplateLook {
  for (const text of [icon, name, category]) {
    const found = text && lookUp(text.toLowerCase());
    if (found) return found;
  }
  return unknown;
}

function lookUp(text: string): TemplateLook | undefined {
  if (Object.hasOwn(byWord, text)) return byWord[text];
  for (const word of text.split(/[^a-z0-9]+/)) {
    if (Object.hasOwn(byWord, word)) return byWord[word];
  }
  return undefined;
}
