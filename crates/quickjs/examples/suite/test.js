// As much of `node:test` as the tests use: they run in order, each to its end. The interpreter takes its time: what a test
// asks for as its timeout is meant for machine code.

let registered = [];

export default function test(name, ...rest) {
  const body = rest.pop();
  registered.push({ name, body, skip: rest[0]?.skip ?? false });
}

/** Runs what `file` has registered, prints what became of each, and counts it. */
export async function runAll(file, counts) {
  const tests = registered;
  registered = [];
  for (const each of tests) {
    const began = Date.now();
    const error = each.skip ? undefined : await failure(each.body);
    const what = each.skip ? 'skipped' : error ? 'failed' : 'passed';
    counts[what] += 1;
    const ms = Date.now() - began;
    process.stdout.write(`${what}: ${file.split('/').at(-1)}: ${each.name} (${ms} ms)\n`);
    if (error) process.stdout.write(`${error}\n${error.stack ?? ''}\n`);
  }
}

async function failure(body) {
  const cleanups = [];
  try {
    await body({ after: (cleanup) => cleanups.push(cleanup) });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  } finally {
    for (const cleanup of cleanups) await cleanup();
  }
}
