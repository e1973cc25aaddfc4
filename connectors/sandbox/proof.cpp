#include "connectors/sandbox/proof.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/this_coro.hpp>
#include <cstdlib>
#include <optional>
#include <utility>

#include "connectors/child_process.hpp"
#include "connectors/sandbox/canary_folder.hpp"
#include "connectors/sandbox/orders.hpp"
#include "gateway/core/within.hpp"

namespace toolgate {
namespace {

constexpr Milliseconds canary_ms{20'000};
constexpr Milliseconds canary_in_machine_ms{60'000};  // its processor may be an emulated one
constexpr std::size_t most_song_bytes = 4'096;

// On the host, in no scope, until the canary has tried.
class HostFile {
 public:
  HostFile() {
    char path[] = "/tmp/toolgate-canary-XXXXXX";
    file_ = Descriptor(::mkstemp(path));
    path_ = path;
  }
  HostFile(const HostFile&) = delete;
  ~HostFile() { ::unlink(path_.c_str()); }
  explicit operator bool() const { return static_cast<bool>(file_); }
  const std::string& path() const { return path_; }

 private:
  Descriptor file_;
  std::string path_;
};

// A socket whose other end is closed: no content can be kept.
Descriptor nobody_who_keeps() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return Descriptor();
  ::close(ends[1]);
  return Descriptor(ends[0]);
}

struct Waiting {
  Waiting(std::list<asio::steady_timer*>& all, asio::steady_timer& timer)
      : list(all), entry(all.insert(all.end(), &timer)) {}
  Waiting(const Waiting&) = delete;
  ~Waiting() { list.erase(entry); }
  std::list<asio::steady_timer*>& list;
  std::list<asio::steady_timer*>::iterator entry;
};

Task<Status> listen_to(asio::posix::stream_descriptor& output, std::string& song) {
  char part[512];
  while (song.size() < most_song_bytes) {
    auto [error, count] =
        co_await output.async_read_some(asio::buffer(part, sizeof part), as_result);
    if (error) break;
    song.append(part, count);
  }
  co_return done();
}

Task<bool> is_cancelled() {
  const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
  co_return state.cancelled() != asio::cancellation_type::none;
}

Refusal given_up() {
  return Refusal(Reason::cancelled, "the sandbox is not tried out: the gateway stops");
}

Status verdict(std::string song, const std::optional<ProcessEnd>& end) {
  std::ranges::replace(song, '\n', ' ');
  while (song.ends_with(' ')) song.pop_back();
  if (!song.empty()) {
    return Refusal(Reason::uncontained,
                   "the sandbox of this machine does not hold: inside of it succeeded " + song +
                       "; no server runs in it (`toolgate doctor` examines this host)");
  }
  if (end && end->how == ProcessEnd::How::exited && end->value == 0) return done();
  return Refusal(Reason::unavailable,
                 "the sandbox could not be tried out: the canary " +
                     (end ? end->text() : std::string("did not end")) +
                     "; no server runs in it (`toolgate doctor` examines this host)");
}

}  // namespace

// Whatever ends the canary's run, those who wait go on.
class SandboxProof::Running {
 public:
  explicit Running(OfForm& form) : form_(form) { form_.running = true; }
  Running(const Running&) = delete;
  ~Running() {
    form_.canary = nullptr;
    form_.running = false;
    for (asio::steady_timer* timer : form_.waiting) timer->cancel();
  }

 private:
  OfForm& form_;
};

Task<Status> SandboxProof::require(SandboxForm form) {
  OfForm& own = forms_[form];
  while (own.running) {
    asio::steady_timer timer(executor_, std::chrono::hours(1));
    const Waiting waiting(own.waiting, timer);
    co_await timer.async_wait(as_result);
  }
  if (own.holds) co_return done();
  if (stopping_) co_return given_up();
  const Running running(own);
  Status status = co_await run_canary(form);
  own.holds = static_cast<bool>(status);
  co_return status;
}

// What listens to it hears its end.
void SandboxProof::stop() {
  stopping_ = true;
  for (auto& [form, own] : forms_) {
    if (own.canary != nullptr) own.canary->kill();
  }
}

Task<Status> SandboxProof::run_canary(SandboxForm form) {
  // Whoever is cancelled while it runs: its process is ended in good order.
  co_await asio::this_coro::throw_if_cancelled(false);
  HostFile file;
  asio::ip::tcp::acceptor listener(executor_);
  boost::system::error_code failed;
  listener.open(asio::ip::tcp::v4(), failed);
  if (!failed) listener.bind({asio::ip::address_v4::loopback(), 0}, failed);
  if (!failed) listener.listen(1, failed);
  if (failed || !file) {
    co_return Refusal(Reason::unavailable,
                      "the sandbox could not be tried out: /tmp cannot be written, or no port is "
                      "free at 127.0.0.1");
  }
  KeeperOrders orders;
  orders.argv = {canary_path, file.path(), std::to_string(listener.local_endpoint().port())};
  orders.cwd = "/";
  orders.leftovers = {file.path()};  // for when this process is killed
  orders.sandbox.emplace();
  orders.sandbox->tier = form.tier;
  std::optional<CanaryFolder> folder;
  SandboxSockets sockets;
  if (form.writes) {
    auto made = CanaryFolder::make();
    if (!made) co_return made.refusal();
    folder.emplace(std::move(*made));
    orders.argv.push_back(folder->path().string());
    orders.leftovers.push_back(folder->path().string());
    orders.sandbox->files = folder->scopes();
    sockets.custody = nobody_who_keeps();
  }
  const Milliseconds most_ms = form.tier == SandboxTier::vm ? canary_in_machine_ms : canary_ms;
  ChildProcess process(executor_, keeper_program_, "canary");
  forms_[form].canary = &process;
  Status started = co_await process.start(std::move(orders), std::move(sockets));
  std::string song;
  bool is_given_up = false;
  if (started) {
    asio::posix::stream_descriptor output(executor_, process.output().release());
    Status heard = co_await within(most_ms, listen_to(output, song), "the canary");
    // A machine may take long to end by itself.
    is_given_up = co_await is_cancelled();
    if (heard && !is_given_up) co_await process.ended_within(most_ms);
  }
  is_given_up = co_await is_cancelled();
  forms_[form].canary = nullptr;
  co_await process.finish();
  if (is_given_up || stopping_) co_return given_up();
  if (!started) co_return started.refusal();
  co_return verdict(std::move(song), process.end());
}

}  // namespace toolgate
