// Paths, by their text alone.

import native from 'forebay:native';

export const sep = '/';
export const delimiter = ':';

export const isAbsolute = (path) => path.startsWith('/');

/** An absolute path; what comes after an absolute one is added to it. */
export function resolve(...parts) {
  let whole = '';
  for (const part of [native.folder, ...parts]) whole = isAbsolute(part) ? part : `${whole}/${part}`;
  return normalize(whole);
}

export function join(...parts) {
  return normalize(parts.filter((part) => part !== '').join('/'));
}

export function normalize(path) {
  const absolute = isAbsolute(path);
  const names = [];
  for (const name of path.split('/')) {
    if (name === '' || name === '.') continue;
    const up = name === '..';
    if (up && names.length > 0 && names.at(-1) !== '..') names.pop();
    else if (!up || !absolute) names.push(name);
  }
  return `${absolute ? '/' : ''}${names.join('/')}` || '.';
}

export function dirname(path) {
  const trimmed = path.replace(/(?<=.)\/+$/, '');
  const at = trimmed.lastIndexOf('/');
  if (at < 0) return '.';
  return at === 0 ? '/' : trimmed.slice(0, at);
}

export function basename(path, ending = '') {
  const name = path.replace(/\/+$/, '').split('/').at(-1);
  return name !== ending && name.endsWith(ending) ? name.slice(0, name.length - ending.length) : name;
}

export default { basename, delimiter, dirname, isAbsolute, join, normalize, resolve, sep };
