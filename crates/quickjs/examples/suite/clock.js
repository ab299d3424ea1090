// Time is what passes between looks at the clock, always the same: how fast a piece renders is judged, and how long code is
// warmed, and neither is to depend on an interpreter's pace or on what else the machine does.

const LOOK_MS = 0.1;

let now = performance.now();
globalThis.performance = { timeOrigin: performance.timeOrigin, now: () => (now += LOOK_MS) };
