#!/usr/bin/env node
import { text } from 'node:stream/consumers';
import type { CliIo, OutputStream } from './io.ts';
import { runCli } from './main.ts';

// `gspf predict … | head` closes the pipe early: nobody is left to read an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const io: CliIo = {
  stdout: outputStream(process.stdout),
  stderr: outputStream(process.stderr),
  stdin: () => text(process.stdin),
  env: process.env,
  now: () => new Date(),
  onInterrupt: (listener) => {
    // Once the listener is off, Ctrl-C ends the process as it does without one.
    process.once('SIGINT', listener);
    return () => process.off('SIGINT', listener);
  },
};

process.exitCode = await runCli(process.argv.slice(2), io);

function outputStream(stream: NodeJS.WriteStream): OutputStream {
  return {
    isTTY: stream.isTTY === true,
    get columns() {
      return stream.isTTY ? stream.columns : undefined;
    },
    write: (chunk) => void stream.write(chunk),
  };
}
