#include "connectors/launcher/custody.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "connectors/launcher/handover.hpp"

namespace toolgate {
namespace {

constexpr int lost_error = EIO;  // the gateway is not there any more

}  // namespace

void Custody::look() {
  if (socket_ < 0) return;
  char said[32];
  while (recv(socket_, said, sizeof said, MSG_DONTWAIT) > 0) {
    if (said[0] == static_cast<char>(CustodyOrder::window)) window_begins_ = true;
  }
  if (window_begins_) begin_window();
}

void Custody::begin_window() {
  window_begins_ = false;
  names_.clear();
  contents_.clear();
}

bool Custody::has_made(const Argument& at) const {
  FileId directory;
  FileId file;
  return !at.is_file_itself() && identify(at.directory(), "", directory) &&
         identify(at.directory(), at.name(), file) && names_.has(directory, at.name(), file);
}

void Custody::made(const Argument& at) {
  FileId directory;
  FileId file;
  if (identify(at.directory(), "", directory) && identify(at.directory(), at.name(), file)) {
    names_.add(directory, at.name(), file);
  }
}

void Custody::made(const Argument& at, const FileId& file) {
  FileId directory;
  FileId standing;
  if (identify(at.directory(), "", directory) && identify(at.directory(), at.name(), standing) &&
      standing == file) {
    names_.add(directory, at.name(), file);
  }
}

void Custody::gone(const Argument& at) {
  FileId directory;
  if (identify(at.directory(), "", directory)) names_.remove(directory, at.name());
}

int Custody::keep(int file, const char* path) {
  if (!send(CustodySays::keep, path, nullptr, file)) return lost_error;
  for (;;) {
    char said[32] = {};
    const ssize_t length = recv(socket_, said, sizeof said - 1, 0);
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) return lost_error;
    if (said[0] == static_cast<char>(CustodyOrder::kept)) return 0;
    if (said[0] == static_cast<char>(CustodyOrder::not_kept)) {
      const int error = std::atoi(said + 1);
      return error > 0 ? error : lost_error;
    }
    if (said[0] == static_cast<char>(CustodyOrder::window)) window_begins_ = true;
  }
}

void Custody::held(CustodySays what, const char* path, const char* to) { send(what, path, to, -1); }

const char* Custody::as_told(const char* path) const {
  const std::size_t length = std::strlen(root_);
  return std::strncmp(path, root_, length) == 0 ? path + length : path;
}

bool Custody::send(CustodySays what, const char* path, const char* to, int file) {
  char kind = static_cast<char>(what);
  path = as_told(path);
  if (to != nullptr) to = as_told(to);
  iovec parts[3] = {{&kind, 1},
                    {const_cast<char*>(path), std::strlen(path) + 1},
                    {const_cast<char*>(to), to == nullptr ? 0 : std::strlen(to) + 1}};
  return send_with(socket_, parts, 3, file);
}

}  // namespace toolgate
