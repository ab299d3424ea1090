// Where the daemon's socket lies, and whether that place is safe: in /tmp anybody could have made the folder first.

import fs from 'node:fs';
import path from 'node:path';
import { ForebayError } from './errors.js';

/** The longest path that fits into a socket address, without its closing zero. */
const MAX_SOCKET_PATH_BYTES = 107;
const SOCKET_NAME = 'daemon.sock';

/** The place of the socket: `given` or FOREBAY_SOCKET, else the user's runtime folder, else /tmp/forebay-UID. `folder` is
 *  the one that forebay makes and guards; undefined for a path that was given. */
export function placeOf(env = process.env, given = undefined) {
  const named = given ?? (env.FOREBAY_SOCKET || undefined);
  if (named !== undefined) return { socket: named, folder: undefined };
  const folder = env.XDG_RUNTIME_DIR ? path.join(env.XDG_RUNTIME_DIR, 'forebay') : `/tmp/forebay-${process.getuid()}`;
  return { socket: path.join(folder, SOCKET_NAME), folder };
}

/** The path of the daemon's socket. */
export function socketPath(env = process.env) {
  return placeOf(env).socket;
}

/** Throws unless the path can be an address and the folder is a real one that this user alone may enter. A folder that is
 *  not there passes: nobody listens. */
export function checkPlace({ socket, folder }, uid = process.getuid()) {
  if (!path.isAbsolute(socket)) {
    throw unsafe(`the socket path ${socket} is not absolute: set FOREBAY_SOCKET (or XDG_RUNTIME_DIR) to an absolute path`);
  }
  const bytes = Buffer.byteLength(socket);
  if (bytes > MAX_SOCKET_PATH_BYTES) {
    const most = `at most ${MAX_SOCKET_PATH_BYTES} fit: set FOREBAY_SOCKET to a shorter one`;
    throw unsafe(`the socket path ${socket} has ${bytes} bytes, ${most}`);
  }
  const found = folder === undefined ? undefined : lookAt(folder);
  if (!found) return;
  const mode = found.mode & 0o777;
  if (!found.isDirectory()) {
    throw unsafe(`${folder} is not a folder (or a symlink to one): remove it, or set FOREBAY_SOCKET`);
  }
  if (found.uid !== uid) {
    const remedy = 'set XDG_RUNTIME_DIR or FOREBAY_SOCKET to a place of your own';
    throw unsafe(`${folder} belongs to user ${found.uid}, not to you (${uid}): ${remedy}`);
  }
  if ((mode & 0o077) !== 0) {
    throw unsafe(`${folder} is open to others (mode ${mode.toString(8)}): chmod 700 it`);
  }
}

function lookAt(folder) {
  try {
    return fs.lstatSync(folder);
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw unsafe(`cannot use ${folder}: ${error.message}`);
  }
}

const unsafe = (message) => new ForebayError('place', message);

/** What a daemon for `place` is started with. It is told of a path only where one was given: a folder that it finds by
 *  itself is one that it makes and guards. */
export function daemonEnvironment({ socket, folder }, env = process.env) {
  const passed = { ...env };
  delete passed.FOREBAY_SESSION_FD;
  if (folder === undefined) passed.FOREBAY_SOCKET = socket;
  return passed;
}
