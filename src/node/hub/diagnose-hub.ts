import { constants } from 'node:fs';
import { access, readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { exists } from '../files.ts';
import { hubSettings, type Variables } from './settings.ts';

/** What there is to say of the hub's cache and of the variables that rule it; the token itself is not said. */
export async function describeHub(
  env: Variables | undefined,
): Promise<{ readonly detail: string; readonly advice: string | undefined }> {
  const { endpoint, cacheDirectory, token, offline } = await hubSettings(env);
  const entries = await readdir(cacheDirectory).catch(() => []);
  const models = entries.filter((entry) => entry.startsWith('models--')).length;
  const detail = [
    `${endpoint}${offline ? ', not asked as HF_HUB_OFFLINE is set' : ''}`,
    `${models} ${models === 1 ? 'model' : 'models'} in ${cacheDirectory}`,
    token === undefined ? 'no token' : 'a token',
  ].join('; ');
  const advice = (await isWritable(cacheDirectory))
    ? undefined
    : 'Nothing can be written to the cache: set HF_HOME to a directory of yours.';
  return { detail, advice };
}

/** Whether a directory can be written to, or else made. */
async function isWritable(path: string): Promise<boolean> {
  let folder = path;
  while (!(await exists(folder)) && dirname(folder) !== folder) folder = dirname(folder);
  return access(folder, constants.W_OK).then(
    () => true,
    () => false,
  );
}
