// @ts-check
/** The one place that joins Preact, htm and signals; components import `html` and hooks from here. */

import "../vendor/signals.js";

export { html, render } from "../vendor/htm-preact.js";
export { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../vendor/preact-hooks.js";
