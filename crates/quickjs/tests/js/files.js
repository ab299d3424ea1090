import fs from 'node:fs';
import path from 'node:path';
import { codeOf, finish, folder, same } from './checks.js';

const fd = fs.openSync(path.join(folder, 'bytes'), 'r+');
same(fs.fstatSync(fd).size, 200000);

/** Writes `bytes` from an odd place of a larger buffer, and reads them back. */
function back(bytes, shift, position) {
  const source = new Uint8Array(bytes.length + shift);
  source.set(bytes, shift);
  same(fs.writeSync(fd, source, shift, bytes.length, position), bytes.length);
  const target = new Uint8Array(bytes.length + 3);
  let got = 0;
  while (got < bytes.length) got += fs.readSync(fd, target, 3 + got, bytes.length - got, position + got);
  return target.subarray(3);
}

// Every pattern, also those that are no number as a double: signalling and quiet NaN, infinities, minus zero.
const words = [0x7ff00001, 0xfff80000, 0x7ff80001, 0x7ff00000, 0x80000000, 0xffffffff, 1, 0x3f800000];
const patterns = new Uint32Array(64).map((_, i) => (i % 2 === 0 ? i * 0x01010101 : words[(i >> 1) % words.length]));
const bytes = new Uint8Array(patterns.buffer);
for (const shift of [0, 1, 2, 4, 8]) {
  for (const length of [1, 4, 32, 60, 64, 200, 256]) {
    same([...back(bytes.slice(0, length), shift, 1000 + shift)], [...bytes.slice(0, length)]);
  }
}
// More than one call takes.
const large = Uint8Array.from({ length: 150000 }, (_, i) => i * 7);
same(back(large, 8, 16).every((byte, i) => byte === large[i]), true);
// The end of the file.
same(fs.readSync(fd, new Uint8Array(8), 0, 8, 200000), 0);
fs.closeSync(fd);
same(codeOf(() => fs.openSync(path.join(folder, 'nothing'), 'r')), 'ENOENT');

same(fs.readFileSync(path.join(folder, 'text'), 'utf8'), 'grün\n');
same(codeOf(() => fs.readFileSync(path.join(folder, 'nothing'), 'utf8')), 'ENOENT');
same(fs.readlinkSync(path.join(folder, 'link')), 'text');
same(codeOf(() => fs.readlinkSync(path.join(folder, 'text'))), 'EINVAL');
same(fs.lstatSync(folder).isDirectory(), true);
same(fs.lstatSync(folder).uid, process.getuid());
same(codeOf(() => fs.accessSync(path.join(folder, 'text'), fs.constants.X_OK)), 'EACCES');
same(fs.statSync(path.join(folder, 'link')).size, 6);
same(Math.abs(fs.statSync(folder).mtimeMs - Date.now()) < 3600e3, true);
same(codeOf(() => fs.statSync(path.join(folder, 'nothing'))), 'ENOENT');
same(new TextDecoder().decode(new TextEncoder().encode('grün'.repeat(5000))) === 'grün'.repeat(5000), true);
fs.accessSync('/bin/sh', fs.constants.X_OK);

same(path.resolve('/a/b', '../c', './d/'), '/a/c/d');
same([path.dirname('/a/b.js'), path.dirname('/a'), path.dirname('a')], ['/a', '/', '.']);
same([path.basename('/a/b.js'), path.basename('/a/b.js', '.js')], ['b.js', 'b']);
finish();
