// @ts-check
// A small set of line icons, 24 by 24, drawn in the colour of the text around them.
//
//   html`<${Icon} name="key" />`                 beside a text: hidden from screen readers
//   html`<${Icon} name="key" label="API key" />` on its own: says what it is
//
// To add one: its path data here; 1.75 wide strokes, round ends, nothing filled.
import { html } from '../lib.js';

const PATHS = {
  home: 'M3 11.5 12 4l9 7.5M5.5 9.5V20h13V9.5M9.5 20v-6h5v6',
  chat: 'M4 5h16v11H9l-4 4v-4H4z',
  image: 'M4 4h16v16H4zM4 16l4.5-4.5L13 16l3-3 4 4M15.5 9.5a1 1 0 1 0 0-2 1 1 0 0 0 0 2z',
  images: 'M7 3h14v14H7zM3 7v14h14M7 13l4-4 5 5 2-2 3 3',
  brush: 'M14 4l6 6-8.5 8.5H5.5v-6zM11 7l6 6',
  eraser: 'M9 19l-5-5 9-9 7 7-7 7zM8.500 9.500l6.500 6.500M9 19h11',
  undo: 'M9 5L4 10l5 5M4 10h10a6 6 0 0 1 0 12h-3',
  redo: 'M15 5l5 5-5 5M20 10H10a6 6 0 0 0 0 12h3',
  contrast: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 3v18M12 8h6M12 12h8M12 16h7',
  expand: 'M14 4h6v6M20 4l-7 7M10 20H4v-6M4 20l7-7',
  text: 'M5 6h14M12 6v13M9 19h6',
  eye: 'M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6z',
  mic: 'M12 3a3 3 0 0 1 3 3v6a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3zM5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3M9 21h6',
  speaker: 'M4 9.5v5h3.5L12 19V5L7.5 9.5zM15.5 9a4 4 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11',
  music: 'M9 18V5l11-2v13M9 18a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0zM20 16a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0z',
  video: 'M3 6h12v12H3zM15 10.5l6-3.5v10l-6-3.5z',
  crop: 'M6 2v16h16M2 6h16v16',
  cut: 'M6.5 9a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5zM6.500 20a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5zM8.500 8L20 18M8.500 16L20 6',
  flow: 'M4 4h6v6H4zM14 14h6v6h-6zM10 7h4a3 3 0 0 1 3 3v4',
  wand: 'M4 20 15 9M13.5 7.5l3 3M18 3v3M16.5 4.5h3M20 11v2M19 12h2M10 3v2M9 4h2',
  file: 'M6 3h8l4 4v14H6zM14 3v4h4',
  folder: 'M3 6h6l2 2.5h10V19H3z',
  upload: 'M12 16V4M7 9l5-5 5 5M4 16v4h16v-4',
  download: 'M12 4v12M7 11l5 5 5-5M4 16v4h16v-4',
  cube: 'M12 3l8 4.5v9L12 21l-8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9',
  server: 'M4 4h16v7H4zM4 13h16v7H4zM7.5 7.5h.01M7.5 16.5h.01',
  key: 'M14.5 9.5a5 5 0 1 0-4.8 5L12 12.2V14h2v2h2v2h4v-3.2l-5.7-5.7M8 9h.01',
  chart: 'M4 20h16M7 20v-7M12 20V5M17 20v-10',
  pulse: 'M3 12h4l3-8 4 16 3-8h4',
  gauge: 'M4.5 18a9 9 0 1 1 15 0M12 14l4-5',
  list: 'M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01',
  stack: 'M12 3l9 5-9 5-9-5zM3 12.5l9 5 9-5M3 17l9 4 9-4',
  logs: 'M5 4h14v16H5zM8.5 8.5h7M8.5 12h7M8.5 15.5h4',
  database: 'M4 6c0-1.7 3.6-3 8-3s8 1.3 8 3-3.6 3-8 3-8-1.3-8-3zM4 6v12c0 1.7 3.6 3 8 3s8-1.3 8-3V6M4 12c0 1.7 3.6 3 8 3s8-1.3 8-3',
  shield: 'M12 3l8 3v6c0 5-3.5 7.8-8 9-4.5-1.2-8-4-8-9V6zM9 12l2 2 4-4',
  settings: 'M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM12 3v3M12 18v3M3 12h3M18 12h3M5.6 5.6l2.2 2.2M16.2 16.2l2.2 2.2M18.4 5.6l-2.2 2.2M7.8 16.2l-2.2 2.2',
  history: 'M4 12a8 8 0 1 0 2.5-5.8L4 8.5M4 4v4.5h4.5M12 8v4.5l3 2',
  clock: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5l3.5 2',
  calendar: 'M4 5.5h16V20H4zM4 10h16M8 3v4M16 3v4',
  search: 'M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16 16l5 5',
  filter: 'M4 6h16M7 12h10M10 18h4',
  columns: 'M4 4h16v16H4zM10 4v16M15 4v16',
  sort: 'M8 4v16M8 20l-4-4M8 20l4-4M16 20V4M16 4l-4 4M16 4l4 4',
  plus: 'M12 5v14M5 12h14',
  minus: 'M5 12h14',
  close: 'M6 6l12 12M18 6L6 18',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  alert: 'M12 4L2.5 20h19zM12 10v4.5M12 17.5h.01',
  info: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 11v5M12 8h.01',
  help: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM9.5 9.5a2.5 2.5 0 1 1 3.7 2.2c-.8.5-1.2 1-1.2 1.8M12 16.5h.01',
  edit: 'M4 20h4L19.5 8.5l-4-4L4 16zM13.5 6.5l4 4',
  trash: 'M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5',
  copy: 'M9 9h11v11H9zM15 9V4H4v11h5',
  link: 'M10 14a4 4 0 0 0 6 .5l3-3a4 4 0 0 0-5.7-5.7L12 7.5M14 10a4 4 0 0 0-6-.5l-3 3a4 4 0 0 0 5.7 5.7L12 16.5',
  external: 'M14 4h6v6M20 4l-9 9M18 14v6H4V6h6',
  play: 'M7 4.5v15l12-7.5z',
  pause: 'M8 5v14M16 5v14',
  stop: 'M6 6h12v12H6z',
  refresh: 'M20 12a8 8 0 1 1-2.5-5.8L20 8.5M20 4v4.5h-4.5',
  replay: 'M4 12a8 8 0 1 0 2.5-5.8L4 8.5M4 4v4.5h4.5',
  send: 'M4 12l16-8-5 17-3.5-6.5zM11.5 14.5L20 4',
  arrow: 'M5 12h14M13 6l6 6-6 6',
  up: 'M6 15l6-6 6 6',
  down: 'M6 9l6 6 6-6',
  left: 'M15 6l-6 6 6 6',
  right: 'M9 6l6 6-6 6',
  first: 'M12 20V7M6 12l6-6 6 6M5 3.5h14',
  menu: 'M4 7h16M4 12h16M4 17h16',
  more: 'M5 12h.01M12 12h.01M19 12h.01',
  sun: 'M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 2v2.5M12 19.5V22M2 12h2.5M19.5 12H22M5 5l1.8 1.8M17.2 17.2L19 19M19 5l-1.8 1.8M6.8 17.2L5 19',
  moon: 'M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z',
  screen: 'M3 5h18v11H3zM9 20h6M12 16v4',
  user: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20.5c.8-4 3.8-6 7.500-6s6.700 2 7.500 6',
  out: 'M10 4H4v16h6M15 8l4 4-4 4M19 12H9',
  pin: 'M9 4h6l-1 6 3 3H7l3-3zM12 13v7',
  star: 'M12 4l2.500 5.200 5.700.7-4.200 3.900 1.100 5.700-5.100-2.800-5.100 2.800L8 13.800 3.800 9.900l5.700-.7z',
  bolt: 'M13 3L5 14h6l-1 7 8-11h-6z',
  code: 'M9 7l-5 5 5 5M15 7l5 5-5 5',
  terminal: 'M4 5h16v14H4zM7.500 9.500L10 12l-2.500 2.500M12.500 14.500H16',
  book: 'M5 4h6a2 2 0 0 1 2 2v14a2 2 0 0 0-2-2H5zM21 4h-6a2 2 0 0 0-2 2v14a2 2 0 0 1 2-2h6z',
  globe: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM3 12h18M12 3c3 3 3 15 0 18M12 3c-3 3-3 15 0 18',
  bell: 'M6 16V11a6 6 0 0 1 12 0v5l1.500 2h-15zM10 20.500h4',
  lock: 'M5 11h14v9H5zM8 11V8a4 4 0 0 1 8 0v3',
  tag: 'M4 4h8l8 8-8 8-8-8zM8 8h.01',
  dollar: 'M12 3v18M16.500 7.500c-.8-1.300-2.300-2-4.500-2-2.600 0-4.300 1.200-4.300 3.100 0 4.300 9 2 9 6.600 0 2-1.800 3.300-4.700 3.300-2.400 0-4.100-.8-5-2.300',
  keyboard: 'M3 6h18v12H3zM7 10h.01M10.500 10h.01M14 10h.01M17 10h.01M7.500 14h9',
};

/** @param {{name: string, label?: string, size?: number|string, class?: string}} props */
export function Icon({ name, label, size = 16, class: extra = '' }) {
  const path = PATHS[name] ?? PATHS.info;
  return html`<svg class=${`icon ${extra}`} width=${size} height=${size} viewBox="0 0 24 24" fill="none" stroke="currentColor"
    stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round" role=${label ? 'img' : null}
    aria-label=${label ?? null} aria-hidden=${label ? null : 'true'} focusable="false"><path d=${path} /></svg>`;
}

/** Every name there is. */
export const icons = Object.keys(PATHS);
