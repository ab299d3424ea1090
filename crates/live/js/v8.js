// What V8 is told before it starts an evaluator: its own measures are those of short pages, not of sound.

/** Bytecodes that one function may take others in by: 920 without this. What is not taken in gives its numbers out boxed, which
 *  is garbage in every frame. The code made for the voices (`steps.js`) takes in their helpers. */
const TAKEN_IN = 5000;
/** MiB of young objects between two collections. */
const YOUNG_MB = 16;

/** Counts for functions that are optimised, and threads that are started, from here on. */
export async function tuneV8() {
  if (process.versions.v8 === undefined || process.versions.bun) return;
  const { setFlagsFromString } = await import('node:v8');
  setFlagsFromString(`--max-inlined-bytecode-size-cumulative=${TAKEN_IN}`);
  setFlagsFromString(`--min-semi-space-size=${YOUNG_MB}`);
}
