// One test file after the other. Ends with code 1 where a test has failed, or where there was none.

import 'suite:buffer';
import 'suite:clock';
import 'suite:files';
import { runAll } from 'node:test';

const counts = { passed: 0, failed: 0, skipped: 0 };
for (const file of process.argv.slice(2)) {
  await import(file);
  await runAll(file, counts);
}
const text = Object.entries(counts).map(([what, count]) => `${count} ${what}`).join(', ');
process.stdout.write(`${text}\n`);
process.exit(counts.failed > 0 || counts.passed === 0 ? 1 : 0);
