// What people are told when an evaluator was lost: see `gone` of `thread.js`.

/** What happened, for people. */
export function describe({ cause, error, name, topLevel, revision }) {
  const who = culprit({ name, topLevel, revision });
  if (cause !== 'hang') return error ? `${who} ended its thread: ${error.message}` : `${who} ended its thread`;
  return topLevel ? `${who} does not end` : `${who} does not come back`;
}

function culprit({ name, topLevel, revision }) {
  if (name !== undefined) return `voice ${name}`;
  if (topLevel) return 'the top level of the file';
  return revision === undefined ? 'the evaluator' : 'a promise or microtask of the file';
}

/** What that means for what plays. */
export function consequence({ name, silent }) {
  if (silent) return 'nothing plays until the next save';
  return name === undefined ? 'what played plays on' : 'it is left out until the next save';
}

/** The line on which a voice is declared, as far as the text shows it. */
export function lineNaming(source, name) {
  if (source === undefined || name === undefined) return undefined;
  const quoted = ["'", '"', '`'].map((quote) => source.indexOf(quote + name + quote)).filter((at) => at >= 0);
  if (quoted.length === 0) return undefined;
  return source.slice(0, Math.min(...quoted)).split('\n').length;
}
