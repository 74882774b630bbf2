// Requests to the server, and what can become of them.

// Nobody answered: the server is gone, or the way to it.
export class Lost extends Error {}

// The server answered that it will not. ``retry``: seconds after which it asked to be asked again, or null.
export class Refused extends Error {
  constructor(status, message, retry) {
    super(message);
    this.status = status;
    this.retry = retry;
  }
}

// The key lives as long as the tab.
export const key = {
  get() {
    try { return sessionStorage.getItem("transduce.key") ?? this.held ?? ""; } catch { return this.held ?? ""; }
  },
  set(value) {
    this.held = value;
    try { sessionStorage.setItem("transduce.key", value); } catch { /* this page remembers it */ }
  },
  held: "",
};

export async function ask(path, { json, body, signal, accept = "application/json" } = {}) {
  const headers = { Accept: accept };
  const given = key.get();
  // A header holds Latin letters and signs; a key with others cannot be one of the server's.
  if (given && /^[\x21-\x7e]+$/.test(given)) headers.Authorization = `Bearer ${given}`;
  if (json !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { method: json === undefined && body === undefined ? "GET" : "POST", headers, signal,
      body: json === undefined ? body : JSON.stringify(json), cache: "no-store", redirect: "error" });
  } catch (error) {
    throw error.name === "AbortError" ? error : new Lost(error.message);
  }
  if (!response.ok) {
    const told = await response.json().then((value) => value.error, () => null);
    // A gateway in front of a server that is gone answers for it.
    if (told === null && [502, 503, 504].includes(response.status)) throw new Lost(String(response.status));
    const after = Number(response.headers.get("Retry-After"));
    throw new Refused(response.status, typeof told === "string" ? told : `HTTP ${response.status}`, after > 0 ? after : null);
  }
  return response;
}

export async function read(path, options = {}) {
  const response = await ask(path, options);
  try {
    return options.text ? await response.text() : await response.json();
  } catch (error) {
    throw error.name === "AbortError" ? error : new Lost(error.message);
  }
}

// Server-sent events of a response, one after the other: {event, data}.
export async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    let chunk;
    try {
      chunk = await reader.read();
    } catch (error) {
      throw error.name === "AbortError" ? error : new Lost(error.message);
    }
    if (chunk.done) return;
    rest += chunk.value;
    const blocks = rest.split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
      if (fields.data) yield { event: fields.event, data: JSON.parse(fields.data) };
    }
  }
}
