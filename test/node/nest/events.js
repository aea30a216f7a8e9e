// The event stream, and where events are published.
const { BadRequestException, Body, Controller, Headers, HttpCode, Post, Query, Req, Sse, UseGuards } = require("@nestjs/common");
const { map, takeUntil, timer } = require("rxjs");
const { Feed } = require("./feed");
const { HttpGuard } = require("./guards");
const { provider, method } = require("./decorate");

const isID = /^\d+-\d+$/;

// eventsController is a class of its own for each application, because its
// guard depends on the rules.
function eventsController(breaks) {
  class Events {
    constructor(feed) {
      this.feed = feed;
    }

    stream(topic, lastEventID, request) {
      if (!topic) throw new BadRequestException("topic is missing");
      const after = isID.test(lastEventID) ? lastEventID : undefined;
      let events = this.feed.read(topic, after).pipe(map(({ id, type, data }) => ({ id, type, data })));
      // A stream ends with its token.
      if (request.user) events = events.pipe(takeUntil(timer(new Date(request.user.exp * 1000))));
      return events;
    }
  }
  provider(Events, Feed);
  method(Events, "stream", [Sse("events"), ...(breaks("sse-no-auth") ? [] : [UseGuards(HttpGuard)])], Query("topic"), Headers("last-event-id"), Req());
  Controller()(Events);
  return Events;
}

class Publish {
  constructor(feed) {
    this.feed = feed;
  }

  async publish({ topic, event = "message", data } = {}) {
    if (!topic || data === undefined) throw new BadRequestException("topic or data is missing");
    return { ok: true, id: await this.feed.publish(topic, event, data) };
  }
}
provider(Publish, Feed);
method(Publish, "publish", [Post("publish"), HttpCode(202), UseGuards(HttpGuard)], Body());
Controller()(Publish);

module.exports = { eventsController, Publish };
