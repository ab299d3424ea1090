// Changes without new code, as what `change.js` makes audible: a turn of knobs, and silence.

import { HEAD } from './state.js';
import { Score } from './surface.js';

/** The same code, other values from one frame on. */
export class Turn {
  #values;

  /** `current` is `{ score, players }` of what plays, which takes `costMsPerFrame` to render; `values` are `[window, value]`. */
  constructor(current, values, costMsPerFrame) {
    this.score = new Score(current.score);
    this.players = current.players;
    this.costMsPerFrame = costMsPerFrame;
    this.#values = values;
  }

  announce() {}

  /** What goes wrong in a voice is not the fault of a value. */
  answersFor() {
    return false;
  }

  /** What mute and solo want lies in the state. */
  prepare() {
    for (const [window, value] of this.#values) {
      window.state[0] = value;
      // Asked for late or not, it is there from now on.
      window.born = undefined;
    }
    for (const { name, head } of this.players) {
      Object.assign(this.score.voices.get(name), { muted: head[HEAD.muted] === 1, solo: head[HEAD.solo] === 1 });
    }
  }

  withdraw() {}

  judge() {}

  /** Who plays has the declarations of this score. */
  adopt() {
    for (const player of this.players) player.spec = this.score.voices.get(player.name);
  }
}

/** Nothing, as a trial: what plays fades out over `fadeS`. */
export class Silence {
  players = [];
  score = new Score();
  costMsPerFrame = 0;

  constructor(fadeS) {
    this.score.clearFade = fadeS;
  }

  announce() {}

  prepare() {}

  withdraw() {}

  judge() {}

  adopt() {}
}
