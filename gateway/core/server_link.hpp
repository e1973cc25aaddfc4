#pragma once
// The seam between the broker and the transports on the server's side: one pipe to one server, no
// judgement. Connectors implement ServerLink, gateway/broker implements ServerEvents.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/core/message.hpp"
#include "gateway/core/mirror.hpp"
#include "gateway/core/open_notes.hpp"
#include "gateway/core/result.hpp"
#include "gateway/core/revision.hpp"
#include "gateway/core/task.hpp"
#include "gateway/core/untrusted.hpp"

namespace toolgate {

// The number that the broker gave to a request of its own; unique for the life of a link.
using BrokerId = std::uint64_t;

// What a link tells its owner. Called from the event loop, never from inside open() or send().
class ServerEvents {
 public:
  virtual ~ServerEvents() = default;
  // One JSON-RPC message (or what claims to be one). `stream_of` is the request in whose response
  // stream it came, where the transport knows that (Streamable HTTP).
  virtual void received(Untrusted<std::string> message, std::optional<BrokerId> stream_of) = 0;
  // This request will never be answered; the link itself lives on.
  virtual void lost(BrokerId request, Refusal why) = 0;
  // The link is dead: the process exited, the session is gone. Said at most once, after a
  // successful open().
  virtual void closed(Refusal why) = 0;
};

// How a request travels, besides its bytes. The defaults are those of the legacy era.
struct Carriage {
  // The modern era: the request stands alone. Over HTTP it goes without a session, its stream is
  // not resumed when it breaks, and abandon() closes its connection, which cancels it.
  bool stateless = false;
  std::vector<HeaderField> headers;  // mirrored from the body; values are encoded
  // A subscription: it has no deadline but its owner's.
  bool long_lived = false;
};

class ServerLink {
 public:
  virtual ~ServerLink() = default;

  // Starts the process or prepares the connection. `events` must outlive the link. Call once.
  virtual Task<Status> open(ServerEvents& events) = 0;

  // Queues one message, with the broker's id if it is a request. Refuses with `overloaded` when the
  // server does not take what was queued before.
  virtual Status send(std::string message, std::optional<BrokerId> request, Carriage carriage) = 0;
  Status send(std::string message, std::optional<BrokerId> request) {
    return send(std::move(message), request, Carriage());
  }

  // What a legacy handshake agreed on: HTTP sends it with each request from now on, and opens its
  // listening stream. stdio ignores it. Never said in the modern era.
  virtual void negotiated(Revision revision) = 0;

  // Nobody waits for this request's answer any more: free what is kept for it.
  virtual void abandon(BrokerId request) = 0;

  // The same before its answer is there: what carries it is given up at once.
  virtual void cancel(BrokerId request) { abandon(request); }

  // What happened in staged file scopes while this request was under way, for the caller to record.
  // Before abandon(). Null: there are no such scopes.
  virtual std::shared_ptr<OpenNotes> notes_of(BrokerId) { return nullptr; }

  // Ends the process or session in good order, with force where that does not help, and waits for
  // all that runs on the link's behalf. Idempotent. Must be awaited before the destructor.
  virtual Task<> close() = 0;

  // For status: the process id, or nothing for a remote server; the bounded tail of its stderr.
  virtual std::optional<int> process_id() const = 0;
  virtual std::string stderr_tail() const = 0;
  // Of a sandboxed server that runs: why its limits hold for each process alone, or an empty text
  // where they hold for all of them together.
  virtual std::optional<std::string> why_no_tree() const { return std::nullopt; }
};

}  // namespace toolgate
