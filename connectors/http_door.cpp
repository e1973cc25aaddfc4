#include "connectors/http_door.hpp"

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "connectors/host_check.hpp"
#include "connectors/http_door_connection.hpp"
#include "connectors/http_door_wire.hpp"
#include "gateway/core/log.hpp"

namespace toolgate {
namespace {

using asio::ip::tcp;
using Error = boost::system::error_code;
using Clock = DoorConnection::Clock;

// How long connections and conversations may take to unwind before their tasks are cancelled.
constexpr std::chrono::milliseconds unwind_ms{2'000};
// After a failed accept (no descriptors left), so that the loop does not spin.
constexpr std::chrono::milliseconds accept_pause_ms{100};

// Each end of a session is a task of the door.
Task<> end_session(SessionHandle session) { co_await session->end(); }

std::chrono::milliseconds sweep_period(const Limits& limits) {
  const Milliseconds shortest =
      std::min({limits.session.idle_ms, limits.session.sse_after_ms, limits.session.keep_alive_ms,
                limits.door.header_ms, limits.door.body_ms, limits.door.idle_ms});
  return std::clamp(shortest / 4, Milliseconds(10), Milliseconds(1'000));
}

}  // namespace

struct HttpDoor::State {
  State(asio::any_io_executor on, Conversations& conversations, Doorkeeper& doorkeeper,
        HttpDoorSettings given)
      : settings(std::move(given)),
        shared(on, conversations, doorkeeper, settings.limits),
        acceptor(on),
        pause(on),
        sweep_timer(on) {
    shared.only_agent = settings.only_agent;
  }

  Task<> accept();
  Task<> sweep();
  void admit(tcp::socket socket);
  void set_hosts(std::uint16_t port);

  HttpDoorSettings settings;
  DoorShared shared;
  tcp::acceptor acceptor;
  std::unique_ptr<asio::ssl::context> tls;
  asio::steady_timer pause;
  asio::steady_timer sweep_timer;
  std::optional<Slot<Done>> accept_ended;
};

HttpDoor::HttpDoor(asio::any_io_executor executor, Conversations& conversations,
                   Doorkeeper& doorkeeper, HttpDoorSettings settings)
    : state_(std::make_unique<State>(executor, conversations, doorkeeper, std::move(settings))) {}

HttpDoor::~HttpDoor() = default;

Status HttpDoor::listen() {
  State& state = *state_;
  const HttpDoorSettings& settings = state.settings;
  if (settings.certificate.empty() != settings.key.empty()) {
    return Refusal(Reason::bad_configuration, "TLS needs both a certificate and a key");
  }
  if (!settings.certificate.empty()) {
    auto tls = make_tls_context(TlsFiles{settings.certificate, settings.key});
    if (!tls) return tls.refusal();
    state.tls = std::move(*tls);
  }
  Error error;
  const std::string name = settings.address == "localhost" ? "127.0.0.1" : settings.address;
  const auto address = asio::ip::make_address(name, error);
  if (error) {
    return Refusal(Reason::bad_configuration,
                   "the listen address " + settings.address + " is no IP address");
  }
  const tcp::endpoint endpoint(address, settings.port);
  state.acceptor.open(endpoint.protocol(), error);
  if (!error) state.acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) state.acceptor.bind(endpoint, error);
  if (!error) state.acceptor.listen(1'024, error);
  if (error) {
    Error ignored;
    state.acceptor.close(ignored);
    return Refusal(Reason::unavailable, "cannot listen on " + settings.address + ":" +
                                            std::to_string(settings.port) + ": " + error.message());
  }
  state.set_hosts(port());
  return done();
}

Status HttpDoor::adopt(Descriptor listener) {
  Error error;
  state_->acceptor.assign(tcp::v4(), listener.number(), error);
  if (error) return Refusal(Reason::internal, "the listener cannot be used: " + error.message());
  listener.release();
  state_->set_hosts(port());
  return done();
}

void HttpDoor::State::set_hosts(std::uint16_t port) {
  HostRules rules;
  rules.listen_name = settings.address;
  rules.port = port;
  rules.default_port = tls ? 443 : 80;
  rules.hosts = settings.allowed_hosts;
  rules.origins = settings.allowed_origins;
  shared.hosts = HostCheck(rules);
}

std::uint16_t HttpDoor::port() const {
  Error ignored;
  return state_->acceptor.local_endpoint(ignored).port();
}

std::string HttpDoor::endpoint() const {
  Error ignored;
  const tcp::endpoint endpoint = state_->acceptor.local_endpoint(ignored);
  const std::string address = endpoint.address().to_string();
  const std::string shown = endpoint.address().is_v6() ? "[" + address + "]" : address;
  return shown + ":" + std::to_string(endpoint.port());
}

std::size_t HttpDoor::sessions() const { return state_->shared.sessions.size(); }
std::size_t HttpDoor::connections() const { return state_->shared.connections.size(); }

Task<> HttpDoor::run() {
  State& state = *state_;
  state.accept_ended.emplace(state.shared.executor);
  state.shared.tasks.spawn(state.sweep());
  co_await state.accept();
  state.accept_ended->set(Done{});
}

Task<> HttpDoor::State::accept() {
  bool failed = false;
  while (!shared.stopping) {
    auto [error, socket] = co_await acceptor.async_accept(as_result);
    if (shared.stopping || error == asio::error::operation_aborted) break;
    if (error) {
      // Once for as long as it lasts.
      if (!std::exchange(failed, true)) {
        log_line(LogLevel::warning, "http_accept_failed", {{"why", error.message()}});
      }
      pause.expires_after(accept_pause_ms);
      co_await pause.async_wait(as_result);
      continue;
    }
    failed = false;
    admit(std::move(socket));
  }
}

void HttpDoor::State::admit(tcp::socket socket) {
  if (shared.connections.size() >= settings.limits.door.connections) return;  // closes it
  Error error;
  socket.set_option(tcp::no_delay(true), error);
  const tcp::endpoint own = socket.local_endpoint(error);
  if (error) return;
  const tcp::endpoint peer = socket.remote_endpoint(error);
  if (error) return;
  auto wire = tls ? make_tls_wire(std::move(socket), *tls) : make_wire(std::move(socket));
  auto connection = std::make_shared<DoorConnection>(shared, std::move(wire), own, peer);
  shared.tasks.spawn(DoorConnection::serve(std::move(connection)));
}

Task<> HttpDoor::State::sweep() {
  const std::chrono::milliseconds period = sweep_period(settings.limits);
  while (!shared.stopping) {
    sweep_timer.expires_after(period);
    co_await sweep_timer.async_wait(as_result);
    const Clock::time_point now = Clock::now();
    for (DoorConnection* connection : shared.connections) connection->tick(now);
    for (SessionHandle& session : shared.sessions.remove_idle(now)) {
      shared.tasks.spawn(end_session(std::move(session)));
    }
  }
}

Task<> HttpDoor::stop(std::chrono::milliseconds grace) {
  State& state = *state_;
  DoorShared& shared = state.shared;
  shared.stopping = true;
  Error ignored;
  state.acceptor.close(ignored);
  state.pause.cancel();
  if (state.accept_ended) co_await state.accept_ended->wait();
  for (DoorConnection* connection : shared.connections) connection->wind_down();
  if (shared.calls != 0) {
    shared.calls_done.expires_after(grace);
    co_await shared.calls_done.async_wait(as_result);
  }
  for (DoorConnection* connection : shared.connections) connection->cancel_stateless();
  for (SessionHandle& session : shared.sessions.remove_all()) {
    shared.tasks.spawn(end_session(std::move(session)));
  }
  state.sweep_timer.cancel();
  co_await shared.tasks.drain(unwind_ms);
}

}  // namespace toolgate
