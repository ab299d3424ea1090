import { finish, same } from './checks.js';

const text = `(function () {
  return function voice() {
    return nothing.there;
  };
})`;
const evaluate = globalThis.forebayEvaluate;

function stackOf(work) {
  try {
    work();
  } catch (error) {
    return error.stack;
  }
  return '';
}

const voice = evaluate(text, '/song/a%20piece.js')();
same(/\(\/song\/a%20piece\.js:3:\d+\)/.test(stackOf(voice)), true);
// Who calls last of all is still in the stack.
const tail = evaluate('(function (f) { return f(); })', '/song/tail.js');
same(stackOf(() => tail(voice)).split('\n').some((line) => line.includes('/song/tail.js:1:')), true);
// An evaluation inside of a function sees what is declared there.
const reach = evaluate('(function () { "use strict"; const at = (code) => eval(code); let level = 3; return at; })', 'x')();
same([reach('level'), reach('level = 4'), reach('level')], [3, 4, 4]);
same(typeof stackOf(() => evaluate('1 +', 'x')), 'string');
finish();
