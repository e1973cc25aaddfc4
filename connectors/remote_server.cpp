#include "connectors/remote_server.hpp"

#include <algorithm>
#include <random>
#include <string_view>

namespace toolgate {
namespace {

// Headers that say what the message is, and so belong to the broker.
constexpr std::string_view own_headers[] = {"accept",
                                            "accept-encoding",
                                            "connection",
                                            "content-encoding",
                                            "content-length",
                                            "content-type",
                                            "expect",
                                            "host",
                                            "keep-alive",
                                            "last-event-id",
                                            "mcp-method",
                                            "mcp-name",
                                            "mcp-protocol-version",
                                            "mcp-session-id",
                                            "te",
                                            "trailer",
                                            "transfer-encoding",
                                            "upgrade"};
constexpr std::string_view own_prefix = "mcp-param-";  // arguments of calls

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

}  // namespace

Result<HttpHeaders> configured_headers(const RemoteServer& server) {
  HttpHeaders out;
  for (const auto& [name, value] : server.headers) {
    auto added = out.add(name, value);
    if (!added) return added.refusal();
    std::string known = lower(name);
    if (known.starts_with(own_prefix) ||
        std::ranges::find(own_headers, known) != std::end(own_headers)) {
      return Refusal(
          Reason::bad_configuration,
          "the header " + name + " is written by the gateway itself: remove it from \"headers\"");
    }
  }
  return out;
}

HttpClientLimits client_limits(const ServerLimits& limits) {
  HttpClientLimits out;
  out.response.body_bytes = limits.result_bytes;
  out.connect_ms = std::min(out.connect_ms, limits.start_ms);
  return out;
}

Milliseconds longest_wait(const RemoteServer& server) {
  return std::max(server.limits.call_ms, server.limits.start_ms) + server.owner_grace_ms;
}

Refusal refused_status(unsigned status) {
  std::string shown = "(HTTP " + std::to_string(status) + ")";
  if (status == 401 || status == 403) {
    return Refusal(Reason::unavailable, "the server refused the credentials " + shown);
  }
  if (status == 429) return Refusal(Reason::overloaded, "the server wants fewer requests " + shown);
  return Refusal(Reason::unavailable, "the server answered with an error " + shown);
}

Milliseconds backoff(Milliseconds first, Milliseconds most, unsigned failures) {
  static std::minstd_rand chance{std::random_device()()};
  auto wait = std::min<Milliseconds>(first * (1LL << std::min(failures, 16U)), most);
  return wait +
         Milliseconds(std::uniform_int_distribution<std::int64_t>(0, wait.count() / 4)(chance));
}

Status SendOrder::push(Message message) {
  bool full =
      bytes_ + message.bytes() > limits_.queued_bytes || waiting_.size() >= limits_.in_flight * 2;
  if (full || (message.request && requests_ >= limits_.in_flight)) {
    return Refusal(Reason::overloaded, "the server does not keep up with what was sent to it");
  }
  bytes_ += message.bytes();
  if (message.request) ++requests_;
  waiting_.push_back(std::move(message));
  return done();
}

std::optional<SendOrder::Message> SendOrder::pop() {
  if (one_way_runs_ || waiting_.empty()) return std::nullopt;
  Message next = std::move(waiting_.front());
  waiting_.pop_front();
  one_way_runs_ = !next.request;
  return next;
}

void SendOrder::over(bool one_way) {
  if (one_way) {
    one_way_runs_ = false;
  } else {
    --requests_;
  }
}

}  // namespace toolgate
