// Emitters of events.

export class EventEmitter {
  #listeners = new Map();

  on(event, listener) {
    this.#add(event, { listener, once: false });
    return this;
  }

  once(event, listener) {
    this.#add(event, { listener, once: true });
    return this;
  }

  off(event, listener) {
    const entries = this.#listeners.get(event) ?? [];
    this.#listeners.set(event, entries.filter((entry) => entry.listener !== listener));
    return this;
  }

  listenerCount(event) {
    return this.#listeners.get(event)?.length ?? 0;
  }

  /** Returns whether anybody heard it. An error that nobody hears is thrown. */
  emit(event, ...values) {
    const entries = this.#listeners.get(event) ?? [];
    if (entries.length === 0 && event === 'error') throw values[0];
    this.#listeners.set(event, entries.filter(({ once }) => !once));
    for (const { listener } of entries) listener.apply(this, values);
    return entries.length > 0;
  }

  #add(event, entry) {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), entry]);
  }
}

Object.assign(EventEmitter.prototype, {
  addListener: EventEmitter.prototype.on,
  removeListener: EventEmitter.prototype.off,
});

export default EventEmitter;
