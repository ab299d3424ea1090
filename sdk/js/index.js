// forebay for JavaScript: write sound into a ring that can change its mind. Node >= 18 and Bun; nothing to install.

export { connect } from './session.js';
export { socketPath } from './place.js';
export { ForebayError } from './errors.js';
