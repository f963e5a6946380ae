// Two patches, one base, a route each: the weights are in memory once, and switching takes milliseconds.
//
//   node examples/patch-server.mjs MODEL_DIR FIRST_PATCH SECOND_PATCH [--port N] [--requests N]
//   curl -d 'My parcel never came' http://127.0.0.1:8080/first
//
// With --requests it asks itself so many times, alternating, prints what switching took, and ends.

import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { loadModel, readPatch } from 'gspf';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { port: { type: 'string', default: '8080' }, requests: { type: 'string' } },
});
const [directory, first, second] = positionals;
if (second === undefined) {
  console.error(
    'usage: node examples/patch-server.mjs MODEL_DIR FIRST_PATCH SECOND_PATCH [--port N] [--requests N]',
  );
  process.exit(2);
}

const base = await loadModel(directory);
const routes = new Map([
  ['/first', base.with(await readPatch(first))],
  ['/second', base.with(await readPatch(second))],
]);

const server = createServer(async (request, response) => {
  const model = routes.get(request.url ?? '');
  if (model === undefined || request.method !== 'POST') {
    response.writeHead(404).end(`POST a text to ${[...routes.keys()].join(' or ')}\n`);
    return;
  }
  const [answer] = await model.classify([await text(request)]);
  response.setHeader('content-type', 'application/json').end(`${JSON.stringify(answer)}\n`);
});
server.listen(Number(values.port), '127.0.0.1', async () => {
  const { port } = server.address();
  console.log(`listening on http://127.0.0.1:${port}`);
  if (values.requests === undefined) return;
  await measure(`http://127.0.0.1:${port}`, Number(values.requests));
  server.close();
  await base.release();
});

/** What a request costs to the patch that is on already, and to the other one. */
async function measure(origin, requests) {
  const ask = async (route) => {
    const since = performance.now();
    const answer = await fetch(origin + route, { method: 'POST', body: 'The kettle leaks' });
    return { route, ...(await answer.json()), elapsedMs: performance.now() - since };
  };
  // The first request reads the weights and compiles the graph.
  for (const route of routes.keys()) console.log(JSON.stringify(await ask(route)));
  const took = { same: [], other: [] };
  for (let i = 0; i < requests; i++) {
    for (const route of routes.keys()) {
      took.other.push((await ask(route)).elapsedMs);
      took.same.push((await ask(route)).elapsedMs);
    }
  }
  const median = (times) => times.sort((a, b) => a - b)[times.length >> 1];
  const [same, other] = [median(took.same), median(took.other)];
  console.log(`a request: ${same.toFixed(1)} ms; with another patch: ${other.toFixed(1)} ms`);
}
