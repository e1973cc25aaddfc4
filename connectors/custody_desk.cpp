#include "connectors/custody_desk.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <boost/asio/post.hpp>
#include <cerrno>
#include <chrono>
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
constexpr int messages_a_turn = 64;  // then others have their turn
constexpr int most_unread = 1024;    // more than the socket holds; a sandbox may keep filling it
constexpr std::chrono::seconds report_every{1};

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

  bool say(CustodyOrder order) {
    const std::lock_guard lock(mutex_);
    return send(order, "");
  }
  // Noted before it is said: whatever the server answers then, the note is there.
  void kept(FileNote note) {
    const std::lock_guard lock(mutex_);
    answered_.push_back(std::move(note));
    send(CustodyOrder::kept, "");
  }
  void not_kept(FileNote note, int error) {
    const std::lock_guard lock(mutex_);
    // The sandbox asks again: what came of that is noted then.
    if (error != EAGAIN) {
      note.effect = FileNote::Effect::unkept;
      note.why = why_not_kept(error);
      note.id.clear();  // there is nothing of that name
      answered_.push_back(std::move(note));
    }
    send(CustodyOrder::not_kept, std::to_string(error));
  }
  std::vector<FileNote> take_answered() {
    const std::lock_guard lock(mutex_);
    return std::exchange(answered_, {});
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
  std::vector<FileNote> answered_;
};

CustodyDesk::CustodyDesk(asio::any_io_executor executor, ServerName server, Custodian& custodian,
                         std::string agent)
    : socket_(executor),
      server_(std::move(server)),
      agent_(std::move(agent)),
      custodian_(custodian),
      due_(std::move(executor)) {}

CustodyDesk::~CustodyDesk() { close(); }

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
    const More more = drain(messages_a_turn);
    if (more == More::perhaps) co_await asio::post(asio::use_awaitable);
  }
}

Task<> CustodyDesk::report() {
  while (socket_.is_open()) {
    due_.expires_after(report_every);
    co_await due_.async_wait(as_result);
    take_answered();
    tell_outside();
  }
}

// What the sandbox said before it ended is heard.
void CustodyDesk::stop() {
  drain(most_unread);
  close();
}

void CustodyDesk::close() {
  if (line_) line_->close();
  boost::system::error_code ignored;
  socket_.close(ignored);
  due_.cancel();
  take_answered();
  tell_outside();
}

void CustodyDesk::begin_call(BrokerId call) {
  // Where it cannot be sent, the same is still unread at the other end.
  drain(most_unread);  // what was before it is not of this call
  if (calls_.empty() && line_) line_->say(CustodyOrder::window);
  calls_.emplace(call, Call{std::make_shared<OpenNotes>(socket_.get_executor())});
}

void CustodyDesk::end_call(BrokerId call) {
  const auto found = calls_.find(call);
  if (found == calls_.end()) return;
  const Call ended = std::move(found->second);
  calls_.erase(found);
  // A request of the gateway's own, say: nobody records it.
  if (!ended.is_claimed && !ended.notes->empty()) {
    custodian_.unclaimed(server_, agent_, ended.notes);
  }
}

std::shared_ptr<OpenNotes> CustodyDesk::notes_of(BrokerId call) {
  drain(most_unread);  // what was said before the answer belongs to it
  const auto found = calls_.find(call);
  if (found == calls_.end()) return nullptr;
  found->second.is_claimed = true;
  return found->second.notes;
}

CustodyDesk::More CustodyDesk::drain(int most) {
  take_answered();
  while (socket_.is_open() && most-- > 0) {
    char text[custody_message_bytes];
    const Received received =
        receive_with(socket_.native_handle(), text, sizeof text, MSG_DONTWAIT);
    Descriptor file(received.descriptor);
    // Said once, of what the other end had not read when it ended; what it wrote follows.
    if (received.length < 0 && errno == ECONNRESET) continue;
    if (received.length < 0 && (errno == EAGAIN || errno == EINTR)) return More::none;
    if (received.length <= 0) {
      close();  // the sandbox has ended
    } else if (received.is_cut) {
      give_up("is too long");
    } else {
      hear(std::string_view(text, static_cast<std::size_t>(received.length)), std::move(file));
    }
  }
  return socket_.is_open() ? More::perhaps : More::none;
}

void CustodyDesk::hear(std::string_view message, Descriptor file) {
  const auto heard = parse(message);
  if (!heard) return give_up("has another form");
  FileNote one{make_uuid_v7(), heard->effect, std::string(heard->path), std::string(heard->to)};
  if (one.waits()) return hold(one);
  if (!is_for_reading(file)) return give_up("has no file that could be read");
  custodian_.keep(server_, one, std::move(file), [line = line_, one](int error) {
    if (error == 0) {
      line->kept(one);
    } else {
      line->not_kept(one, error);
    }
  });
}

// Noted at once, for whoever is under way now; its id follows.
void CustodyDesk::hold(const FileNote& one) {
  FileNote unknown = one;
  unknown.id.clear();
  Waiting waiting;
  for (const std::shared_ptr<OpenNotes>& notes : notebooks()) {
    if (const auto place = notes->expect(unknown)) waiting.emplace_back(notes, *place);
  }
  auto executor = socket_.get_executor();
  custodian_.hold(server_, one, [executor, waiting = std::move(waiting)](const std::string& id) {
    asio::post(executor, [waiting, id] {
      for (const auto& [notes, place] : waiting) notes->settle(place, id);
    });
  });
}

void CustodyDesk::take_answered() {
  if (!line_) return;
  for (const FileNote& note : line_->take_answered()) {
    for (const std::shared_ptr<OpenNotes>& notes : notebooks()) notes->add(note);
  }
}

// Those that something is noted in now.
std::vector<std::shared_ptr<OpenNotes>> CustodyDesk::notebooks() {
  std::vector<std::shared_ptr<OpenNotes>> all;
  for (const auto& [id, call] : calls_) all.push_back(call.notes);
  if (!all.empty()) return all;
  if (!outside_) outside_ = std::make_shared<OpenNotes>(socket_.get_executor());
  all.push_back(outside_);
  return all;
}

void CustodyDesk::tell_outside() {
  if (outside_) custodian_.unclaimed(server_, agent_, std::exchange(outside_, nullptr));
}

void CustodyDesk::give_up(const char* why) {
  log_line(LogLevel::error, "custody.ended",
           {{"server", server_.text()},
            {"why", std::string("a message from its sandbox ") + why},
            {"remedy", "nothing changes in its staged scopes until it is started again"}});
  close();
}

}  // namespace toolgate
