import { finish, same } from './checks.js';

const order = [];
const cleared = setTimeout(() => order.push('cleared'), 1);
setTimeout(() => order.push('late'), 20);
setTimeout(() => order.push('early'), 2);
setImmediate(() => order.push('immediate'));
Promise.resolve().then(() => order.push('job'));
clearTimeout(cleared);
clearTimeout(undefined);
// What nobody waits for does not keep the program.
setTimeout(() => order.push('never'), 3600e3).unref();
let turns = 0;
const interval = setInterval(() => {
  if (++turns < 3) return;
  clearInterval(interval);
  // Due after all that were set before.
  setTimeout(() => {
    same(order, ['job', 'immediate', 'early', 'late']);
    same(turns, 3);
    finish();
  }, 30);
}, 1);
