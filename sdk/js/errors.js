// One error class: a code for programs, a sentence with the remedy for people.

/** What went wrong, as data. `code` is stable; `message` says what to do. */
export class ForebayError extends Error {
  constructor(code, message, detail = undefined) {
    super(message);
    this.name = 'ForebayError';
    this.code = code;
    if (detail !== undefined) this.detail = detail;
  }
}
