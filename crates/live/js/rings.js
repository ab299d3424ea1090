// The rings of a session's voices: opened when an evaluator asks for them, closed when it lets go.

export class Rings {
  #session;
  #thread;
  #params;
  #tell;
  /** By name, as promises; and those that are being closed. */
  #opened = new Map();
  #closing = new Map();

  /** `params` are what all voices are opened with, beside their names. */
  constructor(session, thread, params, tell) {
    this.#session = session;
    this.#thread = thread;
    this.#params = params;
    this.#tell = tell;
  }

  /** Resolves with `{ rings, error }`: those that could be had, and why one of the others could not. */
  async open(names) {
    const rings = [];
    let error;
    for (const result of await Promise.allSettled(names.map((name) => this.#ring(name)))) {
      if (result.status === 'fulfilled') rings.push(result.value);
      else error = result.reason.message;
    }
    return { rings, error };
  }

  /** The voice fades out. */
  close(name, slot) {
    this.#thread.dropRing(slot);
    this.#opened.delete(name);
    const closed = this.#session.call('voice.close', { slot, mode: 'fade' }).catch((error) => {
      this.#tell({ event: 'problem', message: error.message });
    });
    this.#closing.set(name, closed);
    closed.finally(() => this.#closing.delete(name));
  }

  /** The ring of a voice: a successor may ask for one that the evaluator before it has asked for. */
  #ring(name) {
    if (!this.#opened.has(name)) {
      const opened = this.#open(name);
      this.#opened.set(name, opened);
      opened.catch(() => this.#opened.delete(name));
    }
    return this.#opened.get(name);
  }

  async #open(name) {
    await this.#closing.get(name);
    const ring = await this.#session.openRing({ name, ...this.#params });
    this.#thread.addRing(ring);
    return ring;
  }
}
