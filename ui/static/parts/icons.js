// @ts-check
/** Line icons on a 24 unit grid, drawn in the colour of the text. */

import { html } from "./html.js";

const PATHS = {
  chat: "M4 5h16v11H9l-5 4z",
  folder: "M3 6h6l2 2h10v11H3z",
  collection: "M5 8h14v12H5zM7 5h10M9 2.5h6",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
  video: "M4 6h16v12H4zM10 9.5v5l4.5-2.5z",
  model: "M12 3l8 4.5v9L12 21l-8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9",
  settings: "M4 7h10M18 7h2M4 17h2M10 17h10M16 5a2 2 0 1 0 0 4 2 2 0 0 0 0-4M8 15a2 2 0 1 0 0 4 2 2 0 0 0 0-4",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM20 20l-4.8-4.8",
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6L6 18",
  check: "M5 12.5l4.5 4.5L19 7.5",
  more: "M4.3 11.3h1.4v1.4h-1.4zM11.3 11.3h1.4v1.4h-1.4zM18.3 11.3h1.4v1.4h-1.4z",
  pin: "M9 4h6l-1 6 3 3H7l3-3zM12 13v7",
  pen: "M4 20l1-4L16 5l3 3L8 19z",
  copy: "M9 9h10v10H9zM5 15V5h10",
  again: "M4 12a8 8 0 0 1 14-5l2 2M20 4v5h-5M20 12a8 8 0 0 1-14 5l-2-2M4 20v-5h5",
  good: "M7 11v9H4v-9zM7 11l4-7c1.5 0 2.5 1 2 3l-.7 3H19l-1.5 10H7",
  bad: "M7 13V4H4v9zM7 13l4 7c1.5 0 2.5-1 2-3l-.7-3H19L17.5 4H7",
  trash: "M5 7h14M9 7V4h6v3M7 7l1 13h8l1-13",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  left: "M14 6l-6 6 6 6",
  right: "M10 6l6 6-6 6",
  down: "M6 9l6 6 6-6",
  up: "M6 15l6-6 6 6",
  menu: "M4 7h16M4 12h16M4 17h16",
  stop: "M7 7h10v10H7z",
  warning: "M12 4l9 16H3zM12 10v5M12 17.5h.01",
  outside: "M14 4h6v6M20 4l-9 9M18 14v6H4V6h6",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z",
  list: "M4 6h16M4 10h16M4 14h10M4 18h7",
  pause: "M9 6v12M15 6v12",
  bookmark: "M7 4h10v16l-5-4-5 4z",
  bell: "M6 17V11a6 6 0 0 1 12 0v6l1.5 1.5h-15zM10 21h4",
  minus: "M5 12h14",
  refresh: "M20 11A8 8 0 1 0 18 17M20 5v6h-6",
  leave: "M13 5H5v14h8M10 12h10M16 8l4 4-4 4",
  link: "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1",
};

/** @param {{name: keyof typeof PATHS}} props */
export const Icon = ({ name }) =>
  html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
