/** What the page asks of its server. Every call gives the answer's JSON, or throws an Error with a sentence for people. */

/** @param {Record<string, unknown>} params those that are undefined or null are left out */
export async function get(path, params = {}) {
  const given = Object.entries(params).filter(([, value]) => value !== undefined && value !== null);
  const query = new URLSearchParams(given.map(([key, value]) => [key, String(value)])).toString();
  return answerOf(() => fetch(query === '' ? path : `${path}?${query}`));
}

export async function post(path, body) {
  const headers = { 'content-type': 'application/json' };
  return answerOf(() => fetch(path, { method: 'POST', headers, body: JSON.stringify(body) }));
}

async function answerOf(ask) {
  let response;
  try {
    response = await ask();
  } catch {
    throw new Error('The workbench does not answer: is `lait view` still running?');
  }
  if (response.status === 401) throw new Error('Open the address that `lait view` printed, with its token.');
  const answer = await response.json().catch(() => ({ error: `The workbench answered ${response.status}.` }));
  if (!response.ok) throw new Error(answer.error);
  return answer;
}
