// The host thread: socket, file, messages, and the fate of the evaluator. It runs no user code.

import fs from 'node:fs';
import { connect } from '../../../sdk/js/session.js';
import { QUIET_MS, Watch } from './watch.js';

/** The daemon's automatic lead goes no deeper: every ring has room for that. */
const DEEPEST_AUTO_MS = 1000;
/** What a ring holds beyond the lead: the longest cover, and room to move. */
const SPARE_S = 0.3;
/** The spare evaluator loads when the first sound has had its time. */
const SPARE_AFTER_MS = 1000;
/** How long fading out may take beyond the fade itself. */
const STOP_PATIENCE_MS = 1000;

/** Runs one piece on one session. `tell(event)` reports to the parent process; `exit(code)` ends this one. */
export class Host {
  #options;
  #tell;
  #exit;
  #session;
  #leadFrames;
  #thread;
  #watch;
  #revision = 0;
  #unanswered = new Map();
  #heldError;
  #closing = new Map();
  #stopping = false;

  constructor(options, thread, tell, exit) {
    this.#options = options;
    this.#tell = tell;
    this.#exit = exit;
    this.#thread = thread;
    thread.handlers = {
      message: (message) => this.#evaluatorSays(message),
      hung: (who) => this.#hung(who),
      broken: (error) => this.#fatal('evaluator', `the evaluator failed: ${error.stack ?? error}`),
    };
  }

  /** Reads the piece, connects, and hands both to the evaluator. */
  async begin() {
    const { file, socket, name, lead, daemon_args: daemonArgs } = this.#options;
    this.#watch = new Watch(file, {
      changed: (change) => this.#source(change.source, change),
      problem: (message) => this.#tell({ event: 'problem', message }),
    });
    let source;
    try {
      source = this.#options.render ? fs.readFileSync(file, 'utf8') : this.#watch.begin();
    } catch (error) {
      this.#fatal('file', `cannot read ${file}: ${error.message}`);
      return;
    }
    try {
      this.#session = await connect({ name, ...(socket ? { socket } : {}), leadMs: lead, daemonArgs });
    } catch (error) {
      this.#fatal('connect', error.message);
      return;
    }
    this.#follow(this.#session);
    const { hello } = this.#session;
    this.#tell({ event: 'connected', daemon: hello.daemon, pid: hello.pid, rate_hz: hello.rate_hz, channels: hello.channels });
    const setup = this.#setup(hello);
    this.#leadFrames = setup.leadFrames;
    this.#thread.begin(setup);
    this.#source(source, { seenMs: performance.timeOrigin + performance.now() });
  }

  /** A message of the parent process. */
  receive(message) {
    if (message.op === 'stop') this.stop(message.fade_ms ?? 50);
    else if (message.op === 'send') this.#source(message.code, { seenMs: performance.timeOrigin + performance.now(), add: true, file: message.name ?? 'send' });
    else this.#tell({ event: 'problem', message: `no operation ${JSON.stringify(message.op)}: there are stop and send` });
  }

  /** Fades everything out, then ends the process. */
  stop(fadeMs) {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#watch?.end();
    if (!this.#session || this.#session.closed || this.#options.render) {
      this.#leave(0);
      return;
    }
    this.#thread.send({ op: 'stop', fade_s: fadeMs / 1000 });
    setTimeout(() => this.#leave(0), fadeMs + STOP_PATIENCE_MS).unref();
  }

  #setup(hello) {
    const leadMs = hello.target_lead_ms;
    const rate = hello.rate_hz;
    const wanted = (Math.max(leadMs, DEEPEST_AUTO_MS) / 1000 + SPARE_S) * rate;
    return {
      control: hello.control,
      rateHz: rate,
      channels: Math.max(2, Math.min(hello.channels, 8)),
      crossfadeFrames: hello.crossfade_frames,
      leadFrames: Math.round((leadMs / 1000) * rate),
      capacityFrames: 2 ** Math.ceil(Math.log2(wanted)),
      render: this.#options.render ?? false,
    };
  }

  #source(source, { seenMs, add = false, file = this.#options.file }) {
    this.#revision += 1;
    this.#dropHeldError();
    const message = { op: 'source', revision: this.#revision, source, file, add, seen_ms: seenMs };
    this.#unanswered.set(this.#revision, message);
    this.#thread.send(message);
  }

  #evaluatorSays(message) {
    const { kind, ...rest } = message;
    if (kind === 'open') this.#open(message);
    else if (kind === 'close') this.#close(message);
    else if (kind === 'edited') this.#edited(rest);
    else if (kind === 'refused') this.#refused(rest);
    else if (kind === 'stopped') this.#leave(0);
    else if (kind === 'ready') this.#tell({ event: 'ready', uptime_ms: performance.now() });
    else this.#tell({ event: kind, ...rest });
  }

  #edited(rest) {
    this.#watch.follow(rest.files);
    this.#answered(rest.revision);
    this.#thread.forgive();
    this.#tell({ event: 'edited', uptime_ms: performance.now(), ...rest });
    setTimeout(() => this.#thread.prepareSpare(), SPARE_AFTER_MS).unref();
  }

  /** A file that does not parse may be half-written: it is told when the file has been quiet for a while, and never
   *  when a newer one has come. */
  #refused(rest) {
    this.#watch.follow(rest.files ?? []);
    this.#answered(rest.revision);
    if (rest.what === 'syntax' && rest.revision < this.#revision) return;
    const report = () => this.#tell({ event: 'refused', ...rest });
    const quietFor = performance.now() - this.#watch.lastEventMs;
    if (rest.what !== 'syntax' || quietFor >= 2 * QUIET_MS) {
      report();
      return;
    }
    this.#heldError = setTimeout(report, 2 * QUIET_MS - quietFor);
  }

  #dropHeldError() {
    clearTimeout(this.#heldError);
  }

  #answered(revision) {
    for (const known of [...this.#unanswered.keys()]) if (known <= revision) this.#unanswered.delete(known);
  }

  /** A voice, or the top level, did not come back. What was tried is refused; what came after it is tried again. */
  #hung({ name, trial }) {
    const message = name === undefined ? 'the top level of the file does not end' : `voice ${name} does not come back`;
    if (!trial) {
      this.#tell({ event: 'fault', what: 'hang', voice: name, message: `${message}: it is left out until the next save` });
    }
    const [first] = this.#unanswered.values();
    if (trial && first) {
      this.#unanswered.delete(first.revision);
      const line = lineNaming(first.source, name);
      this.#tell({ event: 'refused', what: 'hang', file: first.file, line, voice: name, message, revision: first.revision });
    }
    for (const waiting of this.#unanswered.values()) this.#thread.send(waiting);
  }

  async #open({ request, names }) {
    const rings = [];
    let error;
    const opened = names.map(async (name) => {
      await this.#closing.get(name);
      return this.#session.openRing(this.#voiceParams(name));
    });
    for (const result of await Promise.allSettled(opened)) {
      if (result.status === 'fulfilled') rings.push(result.value);
      else error = result.reason.message;
    }
    for (const ring of rings) this.#thread.addRing(ring);
    if (rings.length > 0) this.#leadIs(rings[0].target_lead_frames);
    this.#thread.send({ op: 'rings', request, rings, error });
  }

  #voiceParams(name) {
    const { channels, capacityFrames } = this.#setup(this.#session.hello);
    const strip = this.#options.gain_db === undefined ? {} : { gain_db: this.#options.gain_db };
    return { name, channels, policy: 'skip', capacity_frames: capacityFrames, ...strip };
  }

  #close({ name, slot }) {
    this.#thread.dropRing(slot);
    const closed = this.#session.call('voice.close', { slot, mode: 'fade' }).catch((error) => {
      this.#tell({ event: 'problem', message: error.message });
    });
    this.#closing.set(name, closed);
    closed.finally(() => this.#closing.delete(name));
  }

  /** The daemon's target lead: one for all voices, for none asks for its own. */
  #leadIs(frames) {
    if (frames === this.#leadFrames) return;
    this.#leadFrames = frames;
    this.#thread.changeLead(frames);
  }

  /** What the daemon says by itself. */
  #follow(session) {
    session.on('doorbell', () => this.#thread.send({ op: 'doorbell' }));
    session.on('notification', (method, params) => {
      if (method === 'target_lead') this.#leadIs(params.frames);
      else this.#tell({ event: method, ...params });
    });
    session.on('close', (error) => {
      if (this.#stopping) return;
      this.#fatal('daemon', `the daemon has gone${error ? `: ${error.message}` : ''}`);
    });
  }

  #fatal(what, message) {
    this.#tell({ event: 'fatal', what, message });
    this.#leave(1);
  }

  #leave(code) {
    this.#stopping = true;
    this.#watch?.end();
    this.#exit(code);
  }
}

/** The line on which a voice is declared, as far as the text shows it. */
function lineNaming(source, name) {
  if (name === undefined) return undefined;
  const quoted = ["'", '"', '`'].map((quote) => source.indexOf(quote + name + quote)).filter((at) => at >= 0);
  if (quoted.length === 0) return undefined;
  return source.slice(0, Math.min(...quoted)).split('\n').length;
}
