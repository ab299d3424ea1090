// Checks for programs that check themselves.

import fs from 'node:fs';

export const [folder, done] = process.argv.slice(2);

export function same(found, expected) {
  const [a, b] = [found, expected].map((value) => JSON.stringify(value));
  if (a !== b) throw new Error(`${a} is not ${b}`);
}

export function codeOf(work) {
  try {
    work();
  } catch (error) {
    return error.code;
  }
  return 'nothing was thrown';
}

/** The program has come to its end. */
export function finish() {
  fs.writeSync(fs.openSync(done, 'r+'), new TextEncoder().encode('done'));
}
