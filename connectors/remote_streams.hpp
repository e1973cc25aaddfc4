#pragma once
// The event streams of a link over Streamable HTTP: what they bring goes to the link's owner. In
// the legacy era a request's stream that ends early is resumed by GET with Last-Event-ID, and one
// more GET listens to what belongs to no request. In the modern era there is neither.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <optional>

#include "connectors/http_client.hpp"
#include "connectors/remote_session.hpp"
#include "connectors/sse_reader.hpp"
#include "gateway/core/result.hpp"
#include "gateway/core/server_link.hpp"
#include "gateway/core/task.hpp"

namespace toolgate {

// A request on its way. While its answer is awaited, one of the pointers says on what.
struct Post {
  HttpCall* call = nullptr;
  asio::steady_timer* pause = nullptr;
  bool stateless = false;
  bool long_lived = false;
  bool abandoned = false;
  // Something came that may be its answer: whoever abandons it now has it. In the legacy era that
  // is everything in its stream; in the modern one, where it matters, only what came just now.
  bool delivered = false;
  std::chrono::steady_clock::time_point until{};
};

// Says in a Post what its task waits for, for as long as the task stands there.
template <class T>
class Pointing {
 public:
  Pointing(T*& place, T& target) : place_(place) { place_ = &target; }
  Pointing(const Pointing&) = delete;
  ~Pointing() { place_ = nullptr; }

 private:
  T*& place_;
};

class RemoteStreams {
 public:
  RemoteStreams(asio::any_io_executor executor, RemoteSession& session, HttpClient& client,
                std::size_t event_bytes)
      : executor_(std::move(executor)),
        session_(session),
        client_(client),
        event_bytes_(event_bytes),
        noticed_(executor_) {}
  RemoteStreams(const RemoteStreams&) = delete;

  // Follows the stream that answers a request, which `call` has begun, until nobody waits for it
  // any more. A refusal says why there will be no answer.
  Task<Status> answer(BrokerId id, Post& post, HttpCall& call);

  // Listens to what belongs to no request, from the end of the handshake to the end of the link.
  Task<> listen();
  // The server has taken a one-way message: listening waits for the first one of a session.
  void noticed();

 private:
  enum class Listening { none, ended, failed };

  Task<Status> follow(HttpCall& call, SseReader& reader, std::optional<BrokerId> id, Post* post);
  Task<Status> answer_in_one(BrokerId id, Post& post, HttpCall& call);
  Task<Result<bool>> resume(BrokerId id, Post& post, SseReader& reader, const HttpRequest& request);
  Task<> pause(Post& post, Milliseconds wait);
  Task<Listening> listen_once(SseReader& reader);

  asio::any_io_executor executor_;
  RemoteSession& session_;
  HttpClient& client_;
  const std::size_t event_bytes_;
  asio::steady_timer noticed_;  // cancelled when the first notice of the session was taken
  unsigned notices_ = 0;
};

}  // namespace toolgate
