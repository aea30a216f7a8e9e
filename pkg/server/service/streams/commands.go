package streams

import (
	"context"
	"strconv"
	"time"

	"github.com/redis/rueidis"
)

const (
	replyMaxLen = 10_000
	replyExpiry = 10 * time.Minute // of the reply stream of a pod that has died
)

// answer puts an answer on the reply stream and takes the command off its stream,
// all or nothing. KEYS: commands, reply. ARGV: group, entry, maximum length and
// seconds to live of the reply stream, fields of the answer.
var answer = rueidis.NewLuaScript(`
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '*', unpack(ARGV, 5))
redis.call('EXPIRE', KEYS[2], ARGV[4])
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
return redis.call('XDEL', KEYS[1], ARGV[2])`)

// bury copies a command with its fate to the dead-letter stream and takes it off
// its own. KEYS: commands, dead. ARGV: group, entry, maximum length, deliveries,
// reason.
var bury = rueidis.NewLuaScript(`
local found = redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2])
if #found > 0 then
  local add = {KEYS[2], 'MAXLEN', '~', ARGV[3], '*'}
  for _, v in ipairs(found[1][2]) do add[#add + 1] = v end
  for _, v in ipairs({'entry', ARGV[2], 'deliveries', ARGV[4], 'reason', ARGV[5]}) do add[#add + 1] = v end
  redis.call('XADD', unpack(add))
end
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
return redis.call('XDEL', KEYS[1], ARGV[2])`)

// keep resets the idle time of entries that still belong to the worker. KEYS:
// commands. ARGV: group, worker, entries.
var keep = rueidis.NewLuaScript(`
local kept = 0
for i = 3, #ARGV do
  if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2]) > 0 then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID')
    kept = kept + 1
  end
end
return kept`)

// leave takes a worker out of the group, unless something is in its name, which
// would be lost. KEYS: commands. ARGV: group, worker.
var leave = rueidis.NewLuaScript(`
if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) > 0 then return 0 end
return redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])`)

// finish answers a command. When that fails, the command is delivered again.
func (w *Worker) finish(client rueidis.Client, d delivery, fields []string) {
	ctx, cancel := context.WithTimeout(context.Background(), ioTimeout)
	defer cancel()
	args := append([]string{w.opts.Group, d.ID, strconv.Itoa(replyMaxLen), strconv.Itoa(int(replyExpiry.Seconds()))}, fields...)
	if err := answer.Exec(ctx, client, []string{w.opts.Stream, d.FieldValues["reply"]}, args).Error(); err != nil {
		w.opts.Logger.Warn("answer a command", "stream", w.opts.Stream, "entry", d.ID, "error", err)
	}
}

// bury gives a command up. call is its ID, if it has one.
func (w *Worker) bury(client rueidis.Client, d delivery, call, reason string) {
	ctx, cancel := context.WithTimeout(context.Background(), ioTimeout)
	defer cancel()
	w.opts.Logger.Error("command is put on the dead-letter stream", "stream", w.opts.Stream, "dead", w.dead, "entry", d.ID, "call", call, "deliveries", d.count, "reason", reason)
	err := bury.Exec(ctx, client, []string{w.opts.Stream, w.dead},
		[]string{w.opts.Group, d.ID, strconv.Itoa(w.opts.MaxLen), strconv.FormatInt(d.count, 10), reason}).Error()
	if err != nil {
		w.opts.Logger.Warn("bury a command", "stream", w.opts.Stream, "entry", d.ID, "error", err)
		return
	}
	if call != "" {
		w.finish(client, d, []string{"id", call, "code", "unavailable", "message", "the command was given up"})
	}
}

// claim takes over commands whose workers give no sign of life.
func (w *Worker) claim(ctx context.Context, client rueidis.Client, n int) ([]delivery, error) {
	ctx, cancel := context.WithTimeout(ctx, ioTimeout)
	defer cancel()
	reply, err := client.Do(ctx, client.B().Xautoclaim().Key(w.opts.Stream).Group(w.opts.Group).Consumer(w.opts.Name).
		MinIdleTime(strconv.FormatInt(w.opts.ClaimAfter.Milliseconds(), 10)).Start("0-0").Count(int64(n)).Build()).ToArray()
	if err != nil || len(reply) < 2 {
		return nil, err
	}
	entries, err := reply[1].AsXRange()
	if err != nil {
		return nil, err
	}
	list := make([]delivery, 0, len(entries))
	for _, e := range entries {
		d := delivery{e, 2}
		pending, err := client.Do(ctx, client.B().Xpending().Key(w.opts.Stream).Group(w.opts.Group).Start(e.ID).End(e.ID).Count(1).Build()).ToArray()
		if err != nil {
			return list, err
		}
		if len(pending) == 1 {
			if row, err := pending[0].ToArray(); err == nil && len(row) == 4 {
				if d.count, err = row[3].AsInt64(); err != nil {
					return list, err
				}
			}
		}
		list = append(list, d)
	}
	return list, nil
}

// giveSigns tells that the commands under way are in good hands, until ctx ends.
func (w *Worker) giveSigns(ctx context.Context) {
	for sleep(ctx, w.opts.ClaimAfter/3) {
		args := []string{w.opts.Group, w.opts.Name}
		w.mu.Lock()
		for id := range w.holding {
			args = append(args, id)
		}
		w.mu.Unlock()
		client, err := w.conn.get()
		if err != nil || len(args) == 2 {
			continue
		}
		signCtx, cancel := context.WithTimeout(ctx, ioTimeout)
		if err := keep.Exec(signCtx, client, []string{w.opts.Stream}, args).Error(); err != nil && ctx.Err() == nil {
			w.opts.Logger.Warn("keep the commands under way", "stream", w.opts.Stream, "error", err)
		}
		cancel()
	}
}

// leave takes the worker out of the group.
func (w *Worker) leave() {
	client, err := w.conn.get()
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = leave.Exec(ctx, client, []string{w.opts.Stream}, []string{w.opts.Group, w.opts.Name}).Error() // an idle name does no harm
}
