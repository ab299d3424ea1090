import { parentPort } from 'node:worker_threads';

const pulse = globalThis.forebayPulse;

const OPS = {
  echo({ value: { shared, map, floats } }) {
    new Int32Array(shared)[0] = 7;
    const { b } = map.get('a');
    parentPort.postMessage({ map: [...map.keys()][0], b: b.length, isNaN: Object.is(b[2], NaN), floats: [...floats] });
    process.exit();
  },
  throw() {
    throw new Error('thrown');
  },
  reject() {
    Promise.reject(new Error('rejected'));
  },
  endless() {
    setInterval(() => {}, 1);
  },
  loop() {
    for (;;);
  },
  piece() {
    pulse(true);
    for (;;);
  },
  job() {
    Promise.resolve().then(() => {
      for (;;);
    });
  },
  jobs() {
    const again = () => Promise.resolve().then(again);
    again();
  },
  asyncs() {
    for (let i = 0; i < 500; i++) {
      (async () => {
        await null;
        for (;;);
      })();
    }
  },
  /** Catches what it can, and what ends it is not among that. */
  swallow() {
    (async () => {
      for (;;) {
        try {
          await null;
        } catch {
          // goes on
        } finally {
          await null;
        }
      }
    })();
  },
  pulses() {
    for (let n = 0; n < 20; n++) {
      pulse(true);
      const began = performance.now();
      while (performance.now() < began + 10);
    }
    parentPort.postMessage('survived');
    process.exit();
  },
  hoard() {
    const all = [];
    for (;;) all.push(new Float64Array(1e5));
  },
  exit({ value }) {
    try {
      process.exit();
    } catch {
      new Int32Array(value)[1] = 1;
    } finally {
      new Int32Array(value)[1] = 1;
    }
  },
  deep() {
    const deeper = () => deeper() + 1;
    try {
      deeper();
    } catch (error) {
      parentPort.postMessage(error.name);
    }
    process.exit();
  },
};

parentPort.on('message', (message) => OPS[message.op](message));
