import { spawn } from 'node:child_process';
import net from 'node:net';
import path from 'node:path';
import { finish, folder, same } from './checks.js';

const absent = net.createConnection(path.join(folder, 'nobody'));
same(await new Promise((resolve) => absent.once('error', ({ code }) => resolve(code))), 'ENOENT');

const socket = net.createConnection(path.join(folder, 'socket'));
let heard = '';
const ended = new Promise((resolve) => socket.once('close', resolve));
socket.on('data', (text) => (heard += text));
socket.once('connect', () => socket.write('grün\n'));
same(await ended, false);
same(heard, 'grün\n');

const ending = (program, args) =>
  new Promise((resolve) => {
    const child = spawn(program, args, { detached: true, stdio: 'ignore', env: { ...process.env, CODE: '7' } });
    child.once('exit', (code, signal) => resolve([code, signal]));
    child.once('error', ({ code }) => resolve(code));
  });
same(await ending('/bin/sh', ['-c', 'exit $CODE']), [7, null]);
same(await ending('/bin/sh', ['-c', 'kill -9 $$']), [null, 'signal 9']);
same(await ending('/nowhere/program', []), 'ENOENT');
finish();
