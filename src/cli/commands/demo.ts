import type { CommandDefinition } from '../command.ts';

/** The built-in demonstration; undefined, and then no command, while `src/demo/` is not there. */
export const demo: CommandDefinition<object> | undefined = undefined;
