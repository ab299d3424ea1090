// The language of a piece, for editors. In a piece: /// <reference path="forebay.d.ts" />, or import from "forebay".

declare module 'forebay' {
  /** What a voice gets, the same object for every frame. */
  export interface ForebaySignal {
    /** Seconds since the session began. */
    readonly t: number;
    /** Frames since the session began. */
    readonly n: number;
    /** Frames per second. */
    readonly sr: number;
    /** Seconds per frame. */
    readonly dt: number;
    /** Where the voice's own slots begin in `state`: 0. */
    readonly idx: number;
    /** Numbers that belong to the voice's name and survive edits: 128 unless `slots` asks for another count. */
    readonly state: Float64Array;
    readonly name: string;
    /** Seconds since the voice began, or since where `setPosition` has put it. */
    readonly position: number;
    /** The next random number of the voice, from 0 up to 1, the same in every run. */
    random(): number;
    /** `[left, right]` without making an array. */
    out(left: number, right: number): ArrayLike<number>;
  }

  /** One sample for all channels, or one per channel. */
  export type Sound = number | ArrayLike<number>;
  /** A function of what a voice gets. */
  export type Signal<T extends Sound = Sound> = (s: ForebaySignal) => T;
  /** A number, or a signal of which the first channel counts. */
  export type Control = number | Signal;
  /** A number, or a signal with all its channels. */
  export type Source = number | Signal;

  export interface VoiceOptions {
    /** Fade-in in seconds. */
    fade?: number;
    /** Numbers of `state` or `mem`. */
    slots?: number;
  }

  /** A voice that fills 64 frames at once: `out` has an array per channel. */
  export interface BlockVoice {
    process(out: Float32Array[], s: ForebaySignal): void;
  }

  export function play(name: string, voice: Signal | BlockVoice, options?: number | VoiceOptions): void;
  export type Factory = (mem: Float64Array, idx: number, sr: number) => { update(sr: number): Sound };
  export function kanon(id: string, factory: Factory, options?: number | VoiceOptions): void;
  export const flux: typeof kanon;
  export const register: typeof kanon;

  /** Fades a voice out; `fade` in seconds. */
  export function stop(name: string, fade?: number): void;
  export const unregister: typeof stop;
  export const remove: typeof stop;
  export function mute(name: string, fade?: number): void;
  export function unmute(name: string, fade?: number): void;
  export function solo(name: string, fade?: number): void;
  export function unsolo(name?: string, fade?: number): void;
  export function clear(fade?: number): void;
  /** Lets `s.position` of a voice go on from `seconds`. */
  export function setPosition(name: string, seconds: number): void;

  /** The engine's strip of a voice. */
  export interface Strip {
    /** In dB, up to 24; -Infinity is silence. */
    gain(db: number): Strip;
    /** From -1 (left) to 1 (right). */
    pan(place: number): Strip;
    mute(fade?: number): Strip;
    unmute(fade?: number): Strip;
    solo(fade?: number): Strip;
    unsolo(fade?: number): Strip;
  }
  export function strip(name: string): Strip;
  /** Beats per minute and per bar, 120 and 4 unless set; without a number it tells the tempo. */
  export function bpm(tempo?: number, beatsPerBar?: number): number;
  /** The position in beats, from 0 on. `s` may be left out inside a voice. */
  export function beat(s?: ForebaySignal): number;
  /** The position in bars, from 0 on. */
  export function bar(s?: ForebaySignal): number;

  /** Names of the voices. */
  export function list(): string[];

  /** A value from outside, `value` until it is turned, from `min` to `max`: 0 to 1 unless given. */
  export function knob(name: string, min?: number, max?: number, value?: number): Signal<number>;
  /** The newest number that came to an OSC address. */
  export function osc(address: string, value?: number): Signal<number>;
  /** A MIDI controller, scaled to `min` to `max`; the number of the newest key, how hard keys are held, bend from -1 to 1,
   *  pressure. */
  export function midi(controller: number, min?: number, max?: number, value?: number): Signal<number>;
  export function midi(what: 'note' | 'gate' | 'bend' | 'pressure'): Signal<number>;

  export function sin(hz: Control): Signal<number>;
  export function saw(hz: Control): Signal<number>;
  export function tri(hz: Control): Signal<number>;
  export function square(hz: Control): Signal<number>;
  /** `width` from 0 to 1, 0.5 unless given. */
  export function pulse(hz: Control, width?: Control): Signal<number>;
  /** From 0 up to 1. */
  export function phasor(hz: Control): Signal<number>;
  /** Through `values` once per turn. */
  export function wave(hz: Control, values: ArrayLike<number | Signal>): Signal<number>;
  export function noise(): Signal<number>;

  /** Up while the gate is above 0, down when it is not. Times in seconds; 0.01, 0.1, 0.7 and 0.2 unless given. */
  export function adsr(
    gate: Control, attack?: Control, decay?: Control, sustain?: Control, release?: Control, shape?: 'exponential' | 'linear',
  ): Signal<number>;
  /** Through `[seconds, level]` or `[seconds, level, curve]`, or through level, seconds, level in one array; from each rise of
   *  the trigger on, without one once. */
  export function env(points: [number, number, number?][] | number[], trigger?: Control): Signal<number>;
  /** Takes a new value `hz` times a second and keeps it. */
  export function hold(sig: Source, hz: Control): Signal;

  /** A step of a pattern: a number, the name of a note, a signal, a rest (`null`, `'~'`), a tie (`'_'`), or steps in one. */
  export type Step = number | string | boolean | null | undefined | Signal | Step[];
  /** `'x..x'`, `'c4 [e4 g4] ~ c5 _'`, or an array. */
  export type Steps = string | readonly Step[] | ArrayLike<number>;
  export interface StepOptions {
    /** Steps per beat, 4 unless given. */
    rate?: number;
    /** Part of a step by which every second one comes late, from 0 to 0.9. */
    swing?: Control;
    /** Part of its time that a note sounds, 0.8 unless given. */
    gate?: Control;
    /** When the notes come, which are then taken in turn. */
    rhythm?: Steps;
  }
  export interface Sequence extends Signal<number> {
    /** 1 while a note sounds, else 0. */
    gate: Signal<number>;
    /** 1 in the frame in which a note begins, else 0. */
    trigger: Signal<number>;
  }
  export function seq(steps: Steps, options?: number | StepOptions): Sequence;
  /** 1 in the frame of each hit of a rhythm; 0 is a rest. */
  export function trigger(steps: Steps, options?: number | StepOptions): Signal<number>;
  /** 1 while a hit of a rhythm lasts. */
  export function gate(steps: Steps, options?: number | StepOptions): Signal<number>;
  /** `hits` ones spread over `steps`, `rotate` steps earlier. */
  export function euclid(hits: number, steps: number, rotate?: number): readonly number[];

  /** A name like `'c4'`, `'f#3'`, `'bb'`, or a MIDI number, in Hz. */
  export function note(x: string | number): number;
  export function note(x: (string | number)[]): number[];
  export function note(x: Signal): Signal<number>;
  export const hz: typeof note;
  /** The notes of `'c minor'` in Hz, or the one of a degree, from 0 on. */
  export function scale(name: string): number[];
  export function scale(name: string, degree: number): number;
  export function scale(name: string, degree: number[]): number[];
  export function scale(name: string, degree: Signal): Signal<number>;
  /** The notes of `'am7'` or `'a3 m7'` in Hz. */
  export function chord(name: string): readonly number[];

  export interface SampleOptions {
    /** Plays from the beginning at each rise above 0; without one once. */
    trigger?: Control;
    loop?: boolean;
    /** 1 unless given; below 0 it runs backwards. */
    speed?: Control;
    /** Where in the file it begins and ends, in seconds. */
    start?: Control;
    end?: Control;
  }
  export interface Player extends Signal {
    readonly seconds: number;
  }
  /** A sound file; the path is that from the piece's file. */
  export function sample(path: string, options?: SampleOptions): Player;
  /** Refused: there is no live input yet. */
  export function input(n: number): never;

  /** Resonance from 0 (a Q of 0.5) to 1 (a Q of 50), 0 unless given. */
  export function lpf(sig: Source, hz: Control, resonance?: Control): Signal;
  export function hpf(sig: Source, hz: Control, resonance?: Control): Signal;
  export function bpf(sig: Source, hz: Control, resonance?: Control): Signal;
  export function notch(sig: Source, hz: Control, resonance?: Control): Signal;
  /** One pole. */
  export function lowpass(sig: Source, hz: Control): Signal;
  export function highpass(sig: Source, hz: Control): Signal;

  export function delay(sig: Source, maxSeconds: number, seconds: Control): Signal;
  /** `amount` from -1 to 1, 0.5 unless given. */
  export function feedback(sig: Source, maxSeconds: number, seconds: Control, amount?: Control): Signal;
  /** 1.5 s, damping 0.3 and mix 0.3 unless given. */
  export function reverb(sig: Source, rt60?: Control, damping?: Control, mix?: Control): Signal;

  export function gain(sig: Source, amount?: Control): Signal;
  /** `place` from -1 to 1. */
  export function pan(sig: Source, place?: Control): Signal<Float64Array>;
  export function fold(sig: Source, amount?: Control): Signal;
  /** `exp(-sig * rate)`. */
  export function decay(sig: Source, rate?: Control): Signal;
  export function tremolo(sig: Source, hz: Control, depth?: Control): Signal;
  export function slew(sig: Source, seconds: Control): Signal;
  export function share(sig: Source): Signal;
  export function mix(...signals: Source[]): Signal;
  export function pipe<T>(sig: T, ...stages: ((x: any) => any)[]): any;
}

// The same names without an import. (A browser's library declares a `stop` of its own.)
declare const play: typeof import('forebay').play;
declare const kanon: typeof import('forebay').kanon;
declare const flux: typeof import('forebay').flux;
declare const register: typeof import('forebay').register;
declare function stop(name: string, fade?: number): void;
declare const unregister: typeof import('forebay').unregister;
declare const remove: typeof import('forebay').remove;
declare const mute: typeof import('forebay').mute;
declare const unmute: typeof import('forebay').unmute;
declare const solo: typeof import('forebay').solo;
declare const unsolo: typeof import('forebay').unsolo;
declare const clear: typeof import('forebay').clear;
declare const list: typeof import('forebay').list;
declare const setPosition: typeof import('forebay').setPosition;
declare const strip: typeof import('forebay').strip;
declare const knob: typeof import('forebay').knob;
declare const osc: typeof import('forebay').osc;
declare const midi: typeof import('forebay').midi;
declare const sin: typeof import('forebay').sin;
declare const saw: typeof import('forebay').saw;
declare const tri: typeof import('forebay').tri;
declare const square: typeof import('forebay').square;
declare const pulse: typeof import('forebay').pulse;
declare const phasor: typeof import('forebay').phasor;
declare const wave: typeof import('forebay').wave;
declare const noise: typeof import('forebay').noise;
declare const lpf: typeof import('forebay').lpf;
declare const hpf: typeof import('forebay').hpf;
declare const bpf: typeof import('forebay').bpf;
declare const notch: typeof import('forebay').notch;
declare const lowpass: typeof import('forebay').lowpass;
declare const highpass: typeof import('forebay').highpass;
declare const delay: typeof import('forebay').delay;
declare const feedback: typeof import('forebay').feedback;
declare const reverb: typeof import('forebay').reverb;
declare const gain: typeof import('forebay').gain;
declare const pan: typeof import('forebay').pan;
declare const fold: typeof import('forebay').fold;
declare const decay: typeof import('forebay').decay;
declare const tremolo: typeof import('forebay').tremolo;
declare const slew: typeof import('forebay').slew;
declare const share: typeof import('forebay').share;
declare const mix: typeof import('forebay').mix;
declare const pipe: typeof import('forebay').pipe;
declare const bpm: typeof import('forebay').bpm;
declare const beat: typeof import('forebay').beat;
declare const bar: typeof import('forebay').bar;
declare const adsr: typeof import('forebay').adsr;
declare const env: typeof import('forebay').env;
declare const hold: typeof import('forebay').hold;
declare const seq: typeof import('forebay').seq;
declare const trigger: typeof import('forebay').trigger;
declare const gate: typeof import('forebay').gate;
declare const euclid: typeof import('forebay').euclid;
declare const note: typeof import('forebay').note;
declare const hz: typeof import('forebay').hz;
declare const scale: typeof import('forebay').scale;
declare const chord: typeof import('forebay').chord;
declare const sample: typeof import('forebay').sample;
declare const input: typeof import('forebay').input;
