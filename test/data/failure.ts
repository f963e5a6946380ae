import { GspfError } from '../../src/errors.ts';

/** `code: message` of the error that a call throws; fails when it throws none or another kind. */
export function failure(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof GspfError) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new Error('expected an error, but the call returned');
}

/** `code: message` of the error that a promise is rejected with. */
export async function rejection(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof GspfError) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new Error('expected a rejection, but the promise was fulfilled');
}
