// As much of Node's `Buffer` as the model of a session uses: a view of bytes that reads and writes numbers.

const of = ({ buffer, byteOffset, byteLength }) => new DataView(buffer, byteOffset, byteLength);

class Bytes extends Uint8Array {
  toString(encoding, from, to) {
    if (encoding !== 'latin1') throw new TypeError(`no text in ${encoding}`);
    return String.fromCharCode(...this.subarray(from, to));
  }

  write(text, at, encoding) {
    if (encoding !== 'latin1') throw new TypeError(`no text in ${encoding}`);
    this.set(Array.from(text, (c) => c.charCodeAt(0)), at);
  }

  readUInt16LE(at) {
    return of(this).getUint16(at, true);
  }

  readUInt32LE(at) {
    return of(this).getUint32(at, true);
  }

  readFloatLE(at) {
    return of(this).getFloat32(at, true);
  }

  writeUInt16LE(value, at) {
    of(this).setUint16(at, value, true);
  }

  writeUInt32LE(value, at) {
    of(this).setUint32(at, value, true);
  }

  writeFloatLE(value, at) {
    of(this).setFloat32(at, value, true);
  }
}

globalThis.Buffer = { ...globalThis.Buffer, alloc: (size) => new Bytes(size) };
