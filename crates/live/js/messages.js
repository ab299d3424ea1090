// Messages between this process and the forebay binary that started it: newline JSON, out on stdout, in on stdin.

/** Sends one message to the parent. One that has gone misses it: its end is told by `listen`. */
export function tell(message) {
  try {
    process.stdout.write(`${JSON.stringify(message)}\n`);
  } catch (error) {
    if (error.code !== 'EPIPE') throw error;
  }
}

/** Calls `handle(message)` for each line on stdin and `gone()` when the parent has closed it. */
export function listen(handle, gone) {
  let buffered = '';
  process.stdin.setEncoding('utf8');
  process.stdin.on('data', (text) => {
    buffered += text;
    const lines = buffered.split('\n');
    buffered = lines.pop();
    for (const line of lines) {
      if (line.trim() === '') continue;
      let message;
      try {
        message = JSON.parse(line);
      } catch {
        tell({ event: 'problem', message: 'a message from the parent process is no JSON' });
        continue;
      }
      handle(message);
    }
  });
  process.stdout.on('error', gone);
  process.stdin.on('end', gone);
  process.stdin.on('error', gone);
}
