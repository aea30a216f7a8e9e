// The rules that a real-time endpoint keeps, each with the mistake that breaks
// it. BREAK=NAME makes the application make that mistake, and only that one.
const rules = {
  "auth-late": "a bad token is noticed, but the connection ends seconds later",
  "auth-leaks": "a client gets an event before its token is looked at",
  "auth-accepts-expired": "nobody looks at exp",
  "auth-alg-none": "the token itself says whether it is signed",
  "auth-no-audience": "tokens for other services are taken",
  "auth-http-guard-only": "the guard is on the controllers; gateways have none",
  "session-outlives-token": "the token is looked at once, the session goes on",
  "locks-out": "one session a user, and who is cut off keeps it",
  "no-throttle": "events are not limited",
  "throttle-too-loose": "the limit is twice what was agreed",
  "throttle-kicks": "whoever is too fast is disconnected",
  "throttle-shared": "all clients share one limit, so the innocent pay",
  "no-redis": "each pod is alone",
  "no-ack": "some events are never acknowledged",
  dup: "some messages are sent twice",
  lost: "some messages are acknowledged and forgotten",
  reorder: "some messages overtake others",
  "leak-room": "some messages go to everybody instead of the room",
  zombie: "some clients are told that they have joined and are not in the room",
  "counts-the-gone": "the count of clients only grows",
  "sse-no-auth": "the event stream has no guard",
  "sse-no-resume": "Last-Event-ID is ignored",
  "sse-resume-dup": "a resumed stream begins with the event that the client has",
  "sse-h1-only": "the proxy in front speaks HTTP/1.1 only",
  "any-origin": "pages of any origin may connect",
  "no-max-payload": "messages may be of any size",
};

// broken tells whether the mistake is made. It throws for a name that no rule
// has, so that a typing error can't look like a sound application.
function rulebook(name) {
  if (name && !rules[name]) throw new Error(`BREAK=${name}: want one of ${Object.keys(rules).join(", ")}`);
  const breaks = (rule) => {
    if (!rules[rule]) throw new Error(`no rule ${rule}`);
    return rule === name;
  };
  return { breaks };
}

module.exports = { rules, rulebook };
