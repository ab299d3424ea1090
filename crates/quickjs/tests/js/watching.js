import fs from 'node:fs';
import path from 'node:path';
import { codeOf, finish, folder, same } from './checks.js';

const watcher = fs.watch(folder, (_, name) => {
  if (name !== 'seen') return;
  watcher.close();
  finish();
});
same(codeOf(() => fs.watch(path.join(folder, 'nothing'), () => {})), 'ENOENT');
fs.writeSync(fs.openSync(path.join(folder, 'seen'), 'r+'), new TextEncoder().encode('new!'));
