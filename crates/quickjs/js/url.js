// Addresses of files, and nothing else.

export class URL {
  #pathname;

  constructor(address, base) {
    const given = String(address);
    const text = base === undefined ? given : String(new URL(base)).replace(/[^/]*$/, '') + given;
    if (!text.startsWith('file:///')) throw new TypeError(`${text} is no address of a file`);
    const names = [];
    for (const name of text.slice('file:///'.length).split('/')) {
      if (name === '..') names.pop();
      else if (name !== '.') names.push(name);
    }
    this.#pathname = `/${names.join('/')}`;
  }

  get pathname() {
    return this.#pathname;
  }

  get href() {
    return `file://${this.#pathname}`;
  }

  toString() {
    return this.href;
  }
}

export const fileURLToPath = (address) => new URL(address).pathname;

export default { URL, fileURLToPath };
