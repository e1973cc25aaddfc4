#include "gateway/config/watch.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "gateway/config/problems.hpp"
#include "gateway/core/log.hpp"

namespace toolgate {
namespace {

constexpr std::chrono::milliseconds settle_ms{50};
// Whatever can put another text under a name, but not each write: a file is looked at when it is
// whole.
constexpr std::uint32_t changes =
    IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE;
constexpr std::uint32_t losses = IN_IGNORED | IN_UNMOUNT | IN_Q_OVERFLOW;

}  // namespace

class ConfigurationWatch::State : public std::enable_shared_from_this<State> {
 public:
  State(asio::any_io_executor executor, std::filesystem::path file, std::function<void()> changed)
      : file_(std::move(file)), changed_(std::move(changed)), events_(executor), timer_(executor) {}

  Status start() {
    const int descriptor = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (descriptor < 0) return cannot(errno);
    events_.assign(descriptor);
    if (!watch(file_)) return cannot(errno);
    std::error_code error;
    linked_ = std::filesystem::is_symlink(file_, error);
    if (linked_) {
      // It may lead through further links, so whatever happens beside it or its target counts.
      const std::filesystem::path target = std::filesystem::canonical(file_, error);
      if (!error && !watch(target)) return cannot(errno);
    }
    read();
    return done();
  }

  void stop() {
    changed_ = nullptr;
    boost::system::error_code ignored;
    events_.close(ignored);
    timer_.cancel();
  }

 private:
  Refusal cannot(int error) const {
    return Refusal(Reason::unavailable,
                   "the directory of " + config::printable(file_.string(), 4'096) +
                       " cannot be watched: " + std::system_category().message(error));
  }

  bool watch(const std::filesystem::path& file) {
    return inotify_add_watch(events_.native_handle(), file.parent_path().c_str(),
                             changes | IN_ONLYDIR) >= 0;
  }

  void read() {
    events_.async_read_some(
        asio::buffer(buffer_),
        [self = shared_from_this()](const boost::system::error_code& error, std::size_t bytes) {
          self->took(error, bytes);
        });
  }

  void took(const boost::system::error_code& error, std::size_t bytes) {
    if (!changed_) return;  // stopped
    if (error) {
      log_line(LogLevel::error, "configuration.watch_lost", {{"why", error.message()}});
      return;
    }
    if (concerns_us(std::string_view(buffer_.data(), bytes)) && !pending_) {
      pending_ = true;
      timer_.expires_after(settle_ms);
      timer_.async_wait([self = shared_from_this()](const boost::system::error_code&) {
        self->pending_ = false;
        // A copy: the callback may end the watch, and itself with it.
        if (const std::function<void()> changed = self->changed_) changed();
      });
    }
    read();
  }

  // inotify(7): a sequence of headers, each followed by a name that is padded with NULs.
  bool concerns_us(std::string_view events) const {
    bool result = false;
    while (events.size() >= sizeof(inotify_event)) {
      inotify_event event{};
      std::memcpy(&event, events.data(), sizeof event);
      if (events.size() < sizeof event + event.len) break;
      std::string_view name = events.substr(sizeof event, event.len);
      name = name.substr(0, name.find('\0'));
      if ((event.mask & (IN_IGNORED | IN_UNMOUNT)) != 0) {
        log_line(LogLevel::warning, "configuration.watch_lost", {{"why", "the directory is gone"}});
      }
      result = result || (event.mask & losses) != 0 || linked_ || name == file_.filename().string();
      events.remove_prefix(sizeof event + event.len);
    }
    return result;
  }

  const std::filesystem::path file_;
  std::function<void()> changed_;  // empty once stopped
  asio::posix::stream_descriptor events_;
  asio::steady_timer timer_;
  bool linked_ = false;
  bool pending_ = false;
  std::array<char, 8'192> buffer_{};
};

Result<std::unique_ptr<ConfigurationWatch>> ConfigurationWatch::start(
    asio::any_io_executor executor, std::filesystem::path file, std::function<void()> changed) {
  std::error_code error;
  std::filesystem::path absolute = std::filesystem::absolute(file, error);
  if (!error) file = absolute.lexically_normal();
  auto state = std::make_shared<State>(std::move(executor), std::move(file), std::move(changed));
  const Status good = state->start();
  if (!good) return good.refusal();
  return std::unique_ptr<ConfigurationWatch>(new ConfigurationWatch(std::move(state)));
}

ConfigurationWatch::ConfigurationWatch(std::shared_ptr<State> state) : state_(std::move(state)) {}

ConfigurationWatch::~ConfigurationWatch() { state_->stop(); }

}  // namespace toolgate
