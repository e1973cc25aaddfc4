#include "gateway/store/custody_book.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "connectors/descriptor.hpp"
#include "gateway/core/log.hpp"
#include "gateway/store/content_copy.hpp"
#include "gateway/store/envelope.hpp"
#include "gateway/store/sqlite.hpp"

namespace toolgate {
namespace {

constexpr std::string_view kept_columns =
    "SELECT id, server, path, kind, time_ns, bytes, mode, owner, group_ FROM kept ";

KeptContent kept_in(const Query& row) {
  KeptContent content;
  content.id = row.text(0);
  content.server = row.text(1);
  content.path = row.text(2);
  const bool is_link = row.text(3) == kind_name(KeptContent::Kind::link);
  content.kind = is_link ? KeptContent::Kind::link : KeptContent::Kind::file;
  content.time_ns = row.number(4);
  content.bytes = static_cast<std::uint64_t>(row.number(5));
  content.mode = static_cast<std::uint32_t>(row.number(6));
  content.owner = static_cast<std::uint32_t>(row.number(7));
  content.group = static_cast<std::uint32_t>(row.number(8));
  return content;
}

bool sync_folder(const std::filesystem::path& folder) {
  const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return opened && ::fsync(opened.number()) == 0;
}

// Locked for as long as it is open: what has no row yet is not swept away. errno on failure, EAGAIN
// where a sweep came between the two.
Descriptor make_locked(const std::filesystem::path& path) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  struct stat about{};
  if (!file || ::flock(file.number(), LOCK_EX) != 0 || ::fstat(file.number(), &about) != 0) {
    return Descriptor();
  }
  if (about.st_nlink > 0) return file;
  errno = EAGAIN;
  return Descriptor();
}

}  // namespace

std::string_view kind_name(KeptContent::Kind kind) {
  return kind == KeptContent::Kind::link ? "link" : "file";
}

Result<std::unique_ptr<CustodyBook>> CustodyBook::open(const std::filesystem::path& home,
                                                       Limits limits) {
  auto store = Store::open(home, Store::Mode::existing);
  if (!store) return store.refusal();
  const std::filesystem::path folder = home / "kept";
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return Refusal(Reason::storage, "the folder " + folder.string() + " cannot be made");
  }
  return std::unique_ptr<CustodyBook>(new CustodyBook(std::move(*store), folder, limits));
}

CustodyBook::CustodyBook(std::unique_ptr<Store> store, std::filesystem::path folder, Limits limits)
    : store_(std::move(store)), folder_(std::move(folder)), limits_(limits) {}

CustodyBook::~CustodyBook() = default;

std::filesystem::path CustodyBook::content_file(const std::string& id) const {
  return folder_ / id;
}

int CustodyBook::room_for(const KeptContent& content, Room room) {
  if (room == Room::unbounded) return 0;
  auto sum = store_->database().query(
      "SELECT count(*), coalesce(sum(max(bytes, ?)), 0) FROM kept WHERE server = ?");
  if (!sum) return EIO;
  const auto least = static_cast<std::int64_t>(least_bytes);
  auto found = sum->bind(1, least).bind(2, content.server).step();
  if (!found) return EIO;
  const auto rows = static_cast<std::uint64_t>(sum->number(0));
  const auto bytes = static_cast<std::uint64_t>(sum->number(1));
  const std::uint64_t more = std::max(content.bytes, least_bytes);
  const bool fits =
      rows < limits_.kept_rows && more <= limits_.kept_bytes && bytes <= limits_.kept_bytes - more;
  return fits ? 0 : EDQUOT;
}

int CustodyBook::room_on_disk(std::uint64_t bytes, Room room) const {
  if (room == Room::unbounded) return 0;
  struct statvfs disk{};
  if (::statvfs(folder_.c_str(), &disk) != 0) return errno;
  const std::uint64_t free = std::uint64_t{disk.f_bavail} * disk.f_frsize;
  return bytes <= free && free - bytes >= limits_.free_bytes ? 0 : ENOSPC;
}

Status CustodyBook::insert(const KeptContent& content) {
  auto insert = store_->database().query(
      "INSERT INTO kept(id, server, path, kind, time_ns, bytes, mode, owner, group_)"
      " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)");
  if (!insert) return insert.refusal();
  return insert->bind(1, content.id)
      .bind(2, content.server)
      .bind_blob(3, content.path)
      .bind(4, kind_name(content.kind))
      .bind(5, content.time_ns)
      .bind(6, static_cast<std::int64_t>(content.bytes))
      .bind(7, content.mode)
      .bind(8, content.owner)
      .bind(9, content.group)
      .run();
}

// Others may have kept something since the room was looked at: under the lock it counts.
int CustodyBook::enter(const KeptContent& content, Room room) {
  auto transaction = Transaction::begin(store_->database());
  if (!transaction) return EIO;
  if (int error = room_for(content, room)) return error;
  Status entered = insert(content);
  if (entered) entered = transaction->commit();
  if (entered) return 0;
  log_line(LogLevel::error, "custody.not_kept",
           {{"server", content.server}, {"why", entered.refusal().detail}});
  return EIO;
}

// The row comes after the file: what is listed is there.
int CustodyBook::keep_as(const KeptContent& content, Room room,
                         const std::function<int(int to)>& fill) {
  if (int error = room_for(content, room)) return error;
  const std::filesystem::path path = content_file(content.id);
  const Descriptor to = make_locked(path);
  if (!to) return errno;
  int error = fill(to.number());
  if (error == 0 && ::fsync(to.number()) != 0) error = errno;
  if (error == 0 && !sync_folder(folder_)) error = errno;
  if (error == 0) error = enter(content, room);
  if (error != 0) ::unlink(path.c_str());
  return error;
}

int CustodyBook::keep(KeptContent content, int file, Room room, const std::atomic<bool>* stop) {
  struct stat before{};
  if (!settle_times(file, before)) return errno;
  if (!S_ISREG(before.st_mode)) return EINVAL;
  content.kind = KeptContent::Kind::file;
  content.bytes = static_cast<std::uint64_t>(before.st_size);
  // Holes take no room. Others write at the same time, so it is looked at before each piece again.
  const std::uint64_t on_disk =
      std::min(content.bytes, static_cast<std::uint64_t>(before.st_blocks) * 512);
  if (int error = room_on_disk(on_disk, room)) return error;
  const auto goes_on = [&](std::uint64_t more) {
    if (stop != nullptr && stop->load()) return ECANCELED;
    return room_on_disk(more, room);
  };
  return keep_as(content, room, [&](int to) {
    if (int error = copy_content(file, to, content.bytes, goes_on)) return error;
    struct stat after{};
    if (::fstat(file, &after) != 0) return errno;
    return is_unchanged(before, after) ? 0 : EAGAIN;
  });
}

int CustodyBook::keep_link(KeptContent content, const std::string& target, Room room) {
  content.kind = KeptContent::Kind::link;
  content.bytes = target.size();
  if (int error = room_on_disk(content.bytes, room)) return error;
  return keep_as(content, room, [&](int to) {
    const ssize_t written = ::write(to, target.data(), target.size());
    if (written < 0) return errno;
    return static_cast<std::size_t>(written) == target.size() ? 0 : EIO;
  });
}

Result<std::vector<KeptContent>> CustodyBook::kept() {
  auto rows = store_->database().query(std::string(kept_columns) + "ORDER BY id");
  if (!rows) return rows.refusal();
  std::vector<KeptContent> contents;
  for (;;) {
    auto more = rows->step();
    if (!more) return more.refusal();
    if (!*more) return contents;
    contents.push_back(kept_in(*rows));
  }
}

Result<std::optional<KeptContent>> CustodyBook::kept(const std::string& id) {
  auto row = store_->database().query(std::string(kept_columns) + "WHERE id = ?");
  if (!row) return row.refusal();
  auto found = row->bind(1, id).step();
  if (!found) return found.refusal();
  if (!*found) return std::optional<KeptContent>();
  return std::optional<KeptContent>(kept_in(*row));
}

// The row goes first: what is listed is there.
Status CustodyBook::discard(const std::string& id) {
  Database& database = store_->database();
  auto remove = database.query("DELETE FROM kept WHERE id = ?");
  if (!remove) return remove.refusal();
  auto removed = remove->bind(1, id).run();
  if (!removed) return removed;
  if (database.changes() != 1) {
    return Refusal(Reason::not_found, "no kept content has the id " + id);
  }
  ::unlink(content_file(id).c_str());
  return done();
}

// Who writes one holds its lock until it has a row, so the row is looked for under the lock.
void CustodyBook::sweep() {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder_, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::filesystem::path& path = entry->path();
    const std::string id = path.filename().string();
    if (!uuid_bytes(id)) continue;
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!file || ::flock(file.number(), LOCK_EX | LOCK_NB) != 0) continue;
    auto row = kept(id);
    if (!row || *row || ::unlink(path.c_str()) != 0) continue;
    log_line(LogLevel::info, "custody.swept", {{"file", path.string()}});
  }
}

}  // namespace toolgate
