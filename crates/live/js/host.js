// The host thread: socket, file, messages, and the fate of the evaluator. It runs no user code.

import fs from 'node:fs';
import path from 'node:path';
import { distance } from '../../../sdk/js/layout.js';
import { connect } from '../../../sdk/js/session.js';
import { HeldRefusal } from './held.js';
import { Keep } from './keep.js';
import { consequence, describe, lineNaming } from './loss.js';
import { Rings } from './rings.js';
import { declaredIn } from './shared.js';
import { Sounds } from './sounds.js';
import { Watch } from './watch.js';

/** The daemon's automatic lead goes no deeper: every ring has room for that. */
const DEEPEST_AUTO_MS = 1000;
/** What a ring holds beyond the lead: the longest cover, and room to move. */
const SPARE_S = 0.3;
/** The spare evaluator loads when the first sound has had its time. */
const SPARE_AFTER_MS = 1000;
/** How long fading out may take beyond the fade itself. */
const STOP_PATIENCE_MS = 1000;
/** What code is called in messages whose sender has no name for it. */
const UNNAMED = '<send>';
/** Reasons of the engine's guard that lie in the sound of a voice. */
const FORGIVEN = new Set(['not_sound', 'blast', 'direct_current']);

/** Runs one piece on one session. `tell(event)` reports to the parent process; `exit(code)` ends this one. */
export class Host {
  #options;
  #tell;
  #exit;
  #session;
  #leadFrames;
  #thread;
  #watch;
  /** The newest text of the file. */
  #text;
  /** The text of the piece that plays. */
  #piece = '';
  /** What was sent before there was a session. */
  #early = [];
  #revision = 0;
  /** The newest revision that is the file's. */
  #saved = 0;
  #unanswered = new Map();
  #held;
  #sounds;
  #rings;
  /** Voices that the engine's guard silenced: names by slot. */
  #silenced = new Map();
  /** Engine frame of the last change. */
  #changedAt = 0;
  #stopping = false;
  /** Whether the daemon said that it ends for good. */
  #daemonStopped = false;

  constructor(options, thread, tell, exit) {
    this.#options = options;
    this.#tell = tell;
    this.#exit = exit;
    this.#held = new HeldRefusal((refusal) => tell({ event: 'refused', ...refusal }));
    this.#thread = thread;
    thread.handlers = {
      message: (message) => this.#evaluatorSays(message),
      gone: (loss) => this.#gone(loss),
      broken: (error) => this.#fatal('evaluator', `the evaluator failed: ${error.stack ?? error}`),
    };
  }

  /** Reads the piece, connects, and hands both to the evaluator. */
  async begin() {
    const { file, socket, name, lead, main, daemon_args: daemonArgs } = this.#options;
    this.#watch = new Watch(file, {
      changed: (change) => this.#changed(change),
      problem: (message) => this.#tell({ event: 'problem', message }),
    });
    try {
      this.#text = this.#options.render ? fs.readFileSync(file, 'utf8') : this.#watch.begin();
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
    try {
      // Before anything sounds; it lives as long as the session.
      if (main) await this.#session.call('main.set', main);
    } catch (error) {
      this.#fatal('main', error.message);
      return;
    }
    const { hello } = this.#session;
    this.#tell({ event: 'connected', daemon: hello.daemon, pid: hello.pid, rate_hz: hello.rate_hz, channels: hello.channels });
    this.#sounds = new Sounds(this.#tell, hello.rate_hz);
    const setup = this.#setup(hello);
    this.#leadFrames = setup.leadFrames;
    this.#rings = new Rings(this.#session, this.#thread, this.#ringParams(setup), this.#tell);
    const kept = this.#kept(setup);
    this.#piece = kept?.sources[0].source ?? this.#piece;
    this.#thread.begin({ ...setup, ...(kept && { recall: true, windows: kept.windows }) });
    // What has changed while nobody looked is a save like any other.
    if (kept?.sources.find(({ file: known }) => known === file)?.source !== this.#text) this.#source(this.#text, { seenMs: now() });
    for (const { code, sent } of this.#early.splice(0)) this.#source(code, sent);
  }

  /** A message of the parent process. */
  receive(message) {
    if (message.op === 'stop') this.stop(message.fade_ms ?? 50, message.at);
    else if (message.op === 'send') this.#sent(message);
    else if (message.op === 'decoded') this.#sounds?.decoded(message);
    else if (message.op === 'set') this.#thread.send({ op: 'set', values: message.values });
    else if (message.op === 'names') this.#tell({ event: 'names', names: namesOf(this.#piece) });
    else this.#tell({ event: 'problem', message: `no operation ${JSON.stringify(message.op)}: there are stop, send, set and names` });
  }

  /** Fades everything out, then ends the process. `at`: `{ frame, in_ms }`, the engine frame at which the fade is to begin and
   *  about how far away that is; without it, now. */
  stop(fadeMs, at) {
    if (this.#stopping) return;
    this.#stopping = at === undefined;
    this.#watch?.end();
    if (!this.#session || this.#session.closed) {
      this.#leave(0);
      return;
    }
    // The end of a render fades nothing, but what the evaluator has said comes first.
    this.#thread.send(this.#options.render ? { op: 'end' } : { op: 'stop', fade_s: fadeMs / 1000, at: at?.frame });
    setTimeout(() => this.#leave(0), fadeMs + (at?.in_ms ?? 0) + STOP_PATIENCE_MS).unref();
  }

  /** What a host before has left, where it can go on. */
  #kept({ keep, rateHz, channels }) {
    if (keep === undefined) return undefined;
    try {
      const texts = new Keep(keep).recall()?.texts;
      return texts?.rateHz === rateHz && texts.channels === channels ? texts : undefined;
    } catch (error) {
      this.#tell({ event: 'problem', message: `what played can't go on: ${error.message}; the piece begins anew` });
      return undefined;
    }
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
      keep: this.#options.keep,
      daemon: hello.pid,
      folder: path.dirname(this.#options.file),
      sounds: this.#sounds.loaded,
    };
  }

  #ringParams({ channels, capacityFrames }) {
    const strip = this.#options.gain_db === undefined ? {} : { gain_db: this.#options.gain_db };
    return { channels, policy: 'skip', capacity_frames: capacityFrames, ...strip };
  }

  /** Until there is a session, what is new waits for it. */
  #changed({ source, seenMs }) {
    this.#text = source;
    if (this.#session) this.#source(source, { seenMs });
  }

  /** Code from outside: a block that adds to what plays, or a whole piece. `number` is what its sender calls it by. */
  #sent({ code, name = UNNAMED, sent: number, whole = false }) {
    const sent = { seenMs: now(), add: !whole, file: name, sent: { number } };
    if (this.#session) this.#source(code, sent);
    else this.#early.push({ code, sent });
  }

  #source(source, { seenMs, add = false, file = this.#options.file, sent }) {
    this.#revision += 1;
    if (!add) {
      this.#held.drop();
      this.#saved = this.#revision;
    }
    const message = { op: 'source', revision: this.#revision, source, file, add, sent, seen_ms: seenMs };
    this.#unanswered.set(this.#revision, message);
    this.#thread.send(message);
  }

  #evaluatorSays(message) {
    const { kind, ...rest } = message;
    if (kind === 'open') this.#open(message);
    else if (kind === 'close') this.#close(message);
    else if (kind === 'sounds') this.#getSounds(message);
    else if (kind === 'edited') this.#edited(rest);
    else if (kind === 'refused') this.#refused(rest);
    else if (kind === 'rejoined') this.#rejoined(rest);
    else if (kind === 'forgotten') this.#forgotten(rest);
    else if (kind === 'stopped') this.#leave(0);
    else if (kind === 'ready') this.#tell({ event: 'ready', uptime_ms: performance.now(), language: message.language });
    else this.#tell({ event: kind, ...rest });
  }

  #edited(rest) {
    this.#sounds.use(rest.sounds);
    const { sent, add, source } = this.#answered(rest.revision, rest.files, rest.sounds.map((sound) => sound.path));
    if (!add) this.#piece = source;
    this.#thread.forgive();
    this.#changedAt = rest.engine_frame;
    this.#unsilence();
    this.#tell({ event: 'edited', uptime_ms: performance.now(), ...rest, sent: sent?.number });
    setTimeout(() => this.#thread.prepareSpare(), SPARE_AFTER_MS).unref();
  }

  #rejoined(rest) {
    this.#watch.follow(rest.files);
    this.#changedAt = rest.engine_frame;
    this.#tell({ event: 'rejoined', uptime_ms: performance.now(), ...rest });
    setTimeout(() => this.#thread.prepareSpare(), SPARE_AFTER_MS).unref();
  }

  /** What was kept does not play: the file does. */
  #forgotten({ message }) {
    this.#tell({ event: 'problem', message });
    this.#source(this.#text, { seenMs: now() });
  }

  /** The guard speaks of frames that were heard: the code that made them may be gone already. */
  #muted({ slot, name, frame }) {
    this.#silenced.set(slot, name);
    // The evaluator knows only the low words of the engine's frames.
    if (distance(frame, this.#changedAt) < 0) this.#unsilence();
  }

  /** What the engine's guard silenced has new code: it may be heard again. */
  #unsilence() {
    for (const [slot, name] of this.#silenced) {
      this.#session.call('voice.set', { voice: slot, mute: false }).then(
        () => this.#tell({ event: 'unmuted', name }),
        (error) => this.#tell({ event: 'problem', message: error.message }),
      );
    }
    this.#silenced.clear();
  }

  /** What is refused of a file that was just written is held back; what was sent is whole. */
  #refused(rest) {
    const { revision } = rest;
    const { sent } = this.#answered(revision, rest.files, rest.sounds);
    if (sent) this.#tell({ event: 'refused', ...rest, sent: sent.number });
    else if (revision === this.#saved) this.#held.hold(rest, this.#watch.lastEventMs);
  }

  /** `revision` is answered; `files` and `sounds` are those that it was made of. Returns the message that it came with.
   *  Code that was sent is answered always: what is passed over, since a newer whole piece waits behind it, is told so. */
  #answered(revision, files = [], sounds = []) {
    const answered = this.#unanswered.get(revision) ?? {};
    // What was sent is no file that is watched, whatever it is called.
    this.#watch.follow(files.filter((file) => !answered.sent || file !== answered.file), sounds);
    for (const [known, { sent, file }] of [...this.#unanswered]) {
      if (known > revision) continue;
      this.#unanswered.delete(known);
      if (!sent || known === revision) continue;
      const message = 'a newer text of the whole piece came first';
      this.#tell({ event: 'refused', what: 'outdated', file, message, revision: known, sent: sent.number });
    }
    return answered;
  }

  /** A successor took over. Code that was tried is refused; what came after it is tried again. */
  #gone(loss) {
    if (this.#stopping) {
      this.#leave(0);
      return;
    }
    const { revision, name, files } = loss;
    const what = loss.cause === 'hang' ? 'hang' : 'end';
    const message = describe(loss);
    if (revision === undefined) {
      this.#tell({ event: 'fault', what, voice: name, ...loss.place, message: `${message}: ${consequence(loss)}` });
    } else {
      const { source, file, sent } = this.#answered(revision, files);
      const line = lineNaming(source, name);
      this.#tell({ event: 'refused', what, file, line, voice: name, message, revision, sent: sent?.number });
    }
    for (const waiting of this.#unanswered.values()) this.#thread.send(waiting);
  }

  async #getSounds({ request, wanted }) {
    this.#thread.send({ op: 'sounds', request, ...(await this.#sounds.get(wanted)) });
  }

  async #open({ request, names }) {
    const { rings, error } = await this.#rings.open(names);
    if (rings.length > 0) this.#leadIs(rings[0].target_lead_frames);
    this.#thread.send({ op: 'rings', request, rings, error });
  }

  #close({ name, slot }) {
    this.#silenced.delete(slot);
    this.#rings.close(name, slot);
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
      if (method === 'target_lead') {
        this.#leadIs(params.frames);
        return;
      }
      this.#tell({ event: method, ...params });
      if (method === 'closing') this.#daemonStopped = params.final === true;
      if (method === 'muted' && FORGIVEN.has(params.reason)) this.#muted(params);
    });
    session.on('close', (error) => {
      if (this.#stopping) return;
      if (this.#daemonStopped) this.#fatal('stopped', 'the daemon was stopped');
      else this.#fatal('daemon', `the daemon has gone${error ? `: ${error.message}` : ''}`);
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

/** In ms since 1970, as fine as `performance.now`. */
function now() {
  return performance.timeOrigin + performance.now();
}

/** What a piece declares at its top level, looked for only when somebody asks: to parse it takes a while. What a parser can't
 *  read is said by whom it concerns. */
function namesOf(piece) {
  try {
    return [...declaredIn(piece).keys()].sort();
  } catch {
    return [];
  }
}
