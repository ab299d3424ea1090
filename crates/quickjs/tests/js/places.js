import { finish, same } from './checks.js';

const text = `(function () {
  return function voice() {
    return nothing.there;
  };
})
//# sourceURL=/song/a%20piece.js`;

function stackOf(work) {
  try {
    work();
  } catch (error) {
    return error.stack;
  }
  return '';
}

const voice = (0, eval)(text)();
same(/\(\/song\/a%20piece\.js:3:\d+\)/.test(stackOf(voice)), true);
// Who calls last of all is still in the stack.
const tail = (0, eval)('(function (f) { return f(); })\n//# sourceURL=/song/tail.js');
same(stackOf(() => tail(voice)).split('\n').some((line) => line.includes('/song/tail.js:1:')), true);
same(eval('1 + 1'), 2);
same(typeof stackOf(() => (0, eval)('1 +')), 'string');
finish();
