#include "connectors/custody_desk.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "connectors/launcher/handover.hpp"
#include "connectors/launcher/orders.hpp"
#include "gateway/core/clock.hpp"
#include "gateway/core/log.hpp"

namespace toolgate {
namespace {

// Those that nobody has read are few: one says as much as many.
constexpr int own_buffer_bytes = 4096;

struct Heard {
  FileNote::Effect effect;
  std::string_view path;
  std::string_view to;
};

// A path and the NUL behind it.
std::optional<std::string_view> take_path(std::string_view& message) {
  const std::size_t end = message.find('\0');
  if (end == std::string_view::npos || end == 0 || message.front() != '/') return std::nullopt;
  const std::string_view path = message.substr(0, end);
  message.remove_prefix(end + 1);
  return path;
}

std::optional<FileNote::Effect> effect_of(char kind) {
  switch (static_cast<CustodySays>(kind)) {
    case CustodySays::keep:
      return FileNote::Effect::kept;
    case CustodySays::remove:
      return FileNote::Effect::remove;
    case CustodySays::move:
      return FileNote::Effect::move;
    case CustodySays::replace:
      return FileNote::Effect::replace;
  }
  return std::nullopt;
}

std::optional<Heard> parse(std::string_view message) {
  if (message.empty()) return std::nullopt;
  const auto effect = effect_of(message.front());
  message.remove_prefix(1);
  const auto path = take_path(message);
  if (!effect || !path) return std::nullopt;
  Heard heard{*effect, *path, {}};
  if (*effect == FileNote::Effect::move || *effect == FileNote::Effect::replace) {
    const auto to = take_path(message);
    if (!to) return std::nullopt;
    heard.to = *to;
  }
  if (!message.empty()) return std::nullopt;
  return heard;
}

bool is_for_reading(const Descriptor& file) {
  struct stat about{};
  return file && ::fstat(file.number(), &about) == 0 && S_ISREG(about.st_mode) &&
         (::fcntl(file.number(), F_GETFL) & (O_ACCMODE | O_PATH)) == O_RDONLY;
}

}  // namespace

// Answers come from the custodian's thread, perhaps after the desk has gone.
class CustodyDesk::Line {
 public:
  explicit Line(int socket) : socket_(socket) {}

  bool say(CustodyOrder order, const std::string& more = "") {
    const std::lock_guard lock(mutex_);
    return send(order, more);
  }
  // Noted before it is said: whatever the server answers then, the note is there.
  void kept(FileNote note) {
    const std::lock_guard lock(mutex_);
    kept_.push_back(std::move(note));
    send(CustodyOrder::kept, "");
  }
  std::vector<FileNote> take_kept() {
    const std::lock_guard lock(mutex_);
    return std::exchange(kept_, {});
  }
  void close() {
    const std::lock_guard lock(mutex_);
    socket_ = -1;
  }

 private:
  bool send(CustodyOrder order, const std::string& more) const {
    const std::string text = std::string(1, static_cast<char>(order)) + more;
    return socket_ >= 0 &&
           ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT) > 0;
  }

  std::mutex mutex_;
  int socket_;
  std::vector<FileNote> kept_;
};

CustodyDesk::CustodyDesk(asio::any_io_executor executor, ServerName server, Custodian& custodian)
    : socket_(std::move(executor)), server_(std::move(server)), custodian_(custodian) {}

CustodyDesk::~CustodyDesk() { stop(); }

Result<Descriptor> CustodyDesk::open() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return Refusal(Reason::unavailable, "no socket can be made for the staged file scopes");
  }
  Descriptor theirs(ends[1]);
  ::setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &own_buffer_bytes, sizeof own_buffer_bytes);
  socket_.assign(ends[0]);
  line_ = std::make_shared<Line>(ends[0]);
  return theirs;
}

Task<> CustodyDesk::run() {
  while (socket_.is_open()) {
    auto [error] =
        co_await socket_.async_wait(asio::posix::stream_descriptor::wait_read, as_result);
    if (error) co_return;
    drain();
  }
}

void CustodyDesk::stop() {
  if (line_) line_->close();
  boost::system::error_code ignored;
  socket_.close(ignored);
}

void CustodyDesk::begin_call(BrokerId call) {
  // Where it cannot be sent, the same is still unread at the other end.
  drain();  // what was before it is not of this call
  if (calls_.empty() && line_) line_->say(CustodyOrder::window);
  calls_.emplace(call, FileNotes());
}

void CustodyDesk::end_call(BrokerId call) { calls_.erase(call); }

FileNotes CustodyDesk::notes_of(BrokerId call) {
  drain();  // what was said before the answer belongs to it
  const auto found = calls_.find(call);
  return found == calls_.end() ? FileNotes() : found->second;
}

void CustodyDesk::drain() {
  if (line_) {
    for (const FileNote& kept : line_->take_kept()) note(kept);
  }
  while (socket_.is_open()) {
    char text[custody_message_bytes];
    const Received received =
        receive_with(socket_.native_handle(), text, sizeof text, MSG_DONTWAIT);
    Descriptor file(received.descriptor);
    if (received.length < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (received.length <= 0) return stop();  // the sandbox has ended
    if (received.is_cut) return give_up("is too long");
    hear(std::string_view(text, static_cast<std::size_t>(received.length)), std::move(file));
  }
}

void CustodyDesk::hear(std::string_view message, Descriptor file) {
  const auto heard = parse(message);
  if (!heard) return give_up("has another form");
  FileNote one{make_uuid_v7(), heard->effect, std::string(heard->path), std::string(heard->to)};
  if (one.waits()) {
    one.id = custodian_.hold(server_, one);
    return note(one);
  }
  if (!is_for_reading(file)) return give_up("has no file that could be read");
  custodian_.keep(server_, one, std::move(file), [line = line_, one](int error) {
    if (error == 0) {
      line->kept(one);
    } else {
      line->say(CustodyOrder::not_kept, std::to_string(error));
    }
  });
}

void CustodyDesk::note(const FileNote& one) {
  for (auto& [call, notes] : calls_) {
    if (notes.list.size() < FileNotes::most) {
      notes.list.push_back(one);
    } else {
      ++notes.more;
    }
  }
}

void CustodyDesk::give_up(const char* why) {
  log_line(LogLevel::error, "custody.ended",
           {{"server", server_.text()},
            {"why", std::string("a message from its sandbox ") + why},
            {"remedy", "nothing changes in its staged scopes until it is started again"}});
  stop();
}

}  // namespace toolgate
