// What somebody may have meant: the nearest of the names that there are.

/** How a message goes on that says that there is no `word`: with the nearest of `words`, or with all of them. */
export function instead(word, words) {
  const [near] = words.map((each) => ({ each, edits: distance(word, each) })).sort((a, b) => a.edits - b.edits);
  if (near === undefined) return 'there are none';
  const isNear = near.edits <= Math.max(1, word.length / 3) || near.each.startsWith(word);
  return isNear ? `did you mean ${near.each}?` : `there ${words.length === 1 ? 'is' : 'are'} ${words.join(', ')}`;
}

/** Signs that are to be put in, left out or replaced to come from one word to the other. */
function distance(one, other) {
  let row = Array.from({ length: other.length + 1 }, (_, i) => i);
  for (let i = 1; i <= one.length; i++) {
    const before = row;
    row = [i];
    for (let k = 1; k <= other.length; k++) {
      const same = before[k - 1] + (one[i - 1] === other[k - 1] ? 0 : 1);
      row.push(Math.min(same, before[k] + 1, row[k - 1] + 1));
    }
  }
  return row.at(-1);
}
