// CommonJS, for what is written in it.

import native from 'forebay:native';
import { URL, fileURLToPath } from 'node:url';

/** `require(name)` for a module at `address`: files by a relative path, each loaded once. */
export function createRequire(address) {
  const loaded = new Map();
  return (name) => {
    const file = fileURLToPath(new URL(name, address));
    if (!loaded.has(file)) {
      const module = { exports: {} };
      loaded.set(file, module);
      native.evaluate(`(function (exports, module) {${native.readText(file)}\n})`, file)(module.exports, module);
    }
    return loaded.get(file).exports;
  };
}

export default { createRequire };
