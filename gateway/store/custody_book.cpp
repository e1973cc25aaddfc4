#include "gateway/store/custody_book.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "connectors/descriptor.hpp"
#include "gateway/core/clock.hpp"
#include "gateway/core/log.hpp"
#include "gateway/store/sqlite.hpp"

namespace toolgate {
namespace {

constexpr std::string_view held_columns =
    "SELECT id, server, effect, path, target, state, time_ns, device, inode FROM held ";
constexpr std::string_view kept_columns =
    "SELECT id, server, path, time_ns, bytes, mode, owner, group_ FROM kept ";

std::optional<FileNote::Effect> effect_from(std::string_view name) {
  for (auto effect :
       {FileNote::Effect::remove, FileNote::Effect::move, FileNote::Effect::replace}) {
    if (effect_name(effect) == name) return effect;
  }
  return std::nullopt;
}

std::optional<HeldChange::State> state_from(std::string_view name) {
  for (auto state :
       {HeldChange::State::waits, HeldChange::State::allowed, HeldChange::State::denied}) {
    if (state_name(state) == name) return state;
  }
  return std::nullopt;
}

Result<HeldChange> held_in(const Query& row, const Database& database) {
  const auto effect = effect_from(row.text(2));
  const auto state = state_from(row.text(5));
  if (!effect || !state) {
    return Refusal(Reason::storage, "the store " + database.file().string() +
                                        " holds a refused change that cannot be read: restore a "
                                        "copy");
  }
  HeldChange change;
  change.note = FileNote{std::string(row.text(0)), *effect, std::string(row.text(3)),
                         std::string(row.text(4))};
  change.server = row.text(1);
  change.state = *state;
  change.time_ns = row.number(6);
  change.device = static_cast<std::uint64_t>(row.number(7));
  change.inode = static_cast<std::uint64_t>(row.number(8));
  return change;
}

KeptContent kept_in(const Query& row) {
  KeptContent content;
  content.id = row.text(0);
  content.server = row.text(1);
  content.path = row.text(2);
  content.time_ns = row.number(3);
  content.bytes = static_cast<std::uint64_t>(row.number(4));
  content.mode = static_cast<std::uint32_t>(row.number(5));
  content.owner = static_cast<std::uint32_t>(row.number(6));
  content.group = static_cast<std::uint32_t>(row.number(7));
  return content;
}

bool sync_folder(const std::filesystem::path& folder) {
  const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return opened && ::fsync(opened.number()) == 0;
}

int write_content(const std::filesystem::path& file, int from) {
  const Descriptor to(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!to) return errno;
  int error = copy_content(from, to.number());
  if (error == 0 && ::fsync(to.number()) != 0) error = errno;
  if (error == 0 && !sync_folder(file.parent_path())) error = errno;
  if (error != 0) ::unlink(file.c_str());
  return error;
}

}  // namespace

std::string_view state_name(HeldChange::State state) {
  switch (state) {
    case HeldChange::State::waits:
      return "waits";
    case HeldChange::State::allowed:
      return "allowed";
    case HeldChange::State::denied:
      return "denied";
  }
  return "waits";
}

int copy_content(int from, int to) {
  constexpr std::size_t piece = std::size_t{16} << 20;
  for (;;) {
    const ssize_t copied = ::copy_file_range(from, nullptr, to, nullptr, piece, 0);
    if (copied == 0) return 0;
    if (copied > 0 || errno == EINTR) continue;
    if (errno != EXDEV && errno != EINVAL && errno != EOPNOTSUPP && errno != ENOSYS) return errno;
    break;  // two file systems that cannot do it among themselves
  }
  char part[65536];
  for (;;) {
    const ssize_t count = ::read(from, part, sizeof part);
    if (count == 0) return 0;
    if (count < 0 && errno != EINTR) return errno;
    for (ssize_t done = 0; done < count;) {
      const ssize_t written = ::write(to, part + done, static_cast<std::size_t>(count - done));
      if (written < 0 && errno != EINTR) return errno;
      if (written > 0) done += written;
    }
  }
}

Result<std::unique_ptr<CustodyBook>> CustodyBook::open(const std::filesystem::path& home) {
  auto store = Store::open(home, Store::Mode::existing);
  if (!store) return store.refusal();
  const std::filesystem::path folder = home / "kept";
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return Refusal(Reason::storage, "the folder " + folder.string() + " cannot be made");
  }
  return std::unique_ptr<CustodyBook>(new CustodyBook(std::move(*store), folder));
}

CustodyBook::CustodyBook(std::unique_ptr<Store> store, std::filesystem::path folder)
    : store_(std::move(store)), folder_(std::move(folder)) {}

CustodyBook::~CustodyBook() = default;

std::filesystem::path CustodyBook::content_file(const std::string& id) const {
  return folder_ / id;
}

Result<std::string> CustodyBook::hold(const std::string& server, const FileNote& note) {
  struct stat about{};
  ::lstat(note.path.c_str(), &about);
  Database& database = store_->database();
  auto known = database.query(
      "SELECT id FROM held WHERE server = ? AND effect = ? AND path = ? AND target = ?"
      " AND device = ? AND inode = ? AND state <> 'allowed' LIMIT 1");
  if (!known) return known.refusal();
  const auto device = static_cast<std::int64_t>(about.st_dev);
  const auto inode = static_cast<std::int64_t>(about.st_ino);
  auto found = known->bind(1, server)
                   .bind(2, effect_name(note.effect))
                   .bind_blob(3, note.path)
                   .bind_blob(4, note.to)
                   .bind(5, device)
                   .bind(6, inode)
                   .step();
  if (!found) return found.refusal();
  if (*found) return std::string(known->text(0));
  auto count = database.query("SELECT count(*) FROM held WHERE server = ? AND state = 'waits'");
  if (!count) return count.refusal();
  auto counted = count->bind(1, server).step();
  if (!counted) return counted.refusal();
  if (count->number(0) >= static_cast<std::int64_t>(most_waiting)) {
    return Refusal(Reason::overloaded,
                   std::to_string(most_waiting) + " refused changes of '" + server +
                       "' wait already: decide on them (`toolgate approvals list`)");
  }
  auto insert = database.query(
      "INSERT INTO held(id, server, effect, path, target, state, time_ns, device, inode)"
      " VALUES(?, ?, ?, ?, ?, 'waits', ?, ?, ?)");
  if (!insert) return insert.refusal();
  auto inserted = insert->bind(1, note.id)
                      .bind(2, server)
                      .bind(3, effect_name(note.effect))
                      .bind_blob(4, note.path)
                      .bind_blob(5, note.to)
                      .bind(6, now_utc_ns())
                      .bind(7, device)
                      .bind(8, inode)
                      .run();
  if (!inserted) return inserted.refusal();
  return note.id;
}

Result<std::vector<HeldChange>> CustodyBook::waiting() {
  Database& database = store_->database();
  auto rows = database.query(std::string(held_columns) + "WHERE state = 'waits' ORDER BY id");
  if (!rows) return rows.refusal();
  std::vector<HeldChange> changes;
  for (;;) {
    auto more = rows->step();
    if (!more) return more.refusal();
    if (!*more) return changes;
    auto change = held_in(*rows, database);
    if (!change) return change.refusal();
    changes.push_back(std::move(*change));
  }
}

Result<std::optional<HeldChange>> CustodyBook::held(const std::string& id) {
  Database& database = store_->database();
  auto row = database.query(std::string(held_columns) + "WHERE id = ?");
  if (!row) return row.refusal();
  auto found = row->bind(1, id).step();
  if (!found) return found.refusal();
  if (!*found) return std::optional<HeldChange>();
  auto change = held_in(*row, database);
  if (!change) return change.refusal();
  return std::optional<HeldChange>(std::move(*change));
}

Status CustodyBook::decide(const std::string& id, HeldChange::State state) {
  Database& database = store_->database();
  auto update = database.query("UPDATE held SET state = ? WHERE id = ? AND state = 'waits'");
  if (!update) return update.refusal();
  auto updated = update->bind(1, state_name(state)).bind(2, id).run();
  if (!updated) return updated;
  if (database.changes() == 1) return done();
  return Refusal(Reason::not_found, "no refused change with the id " + id + " waits");
}

Result<std::uint64_t> CustodyBook::kept_bytes(const std::string& server) {
  auto sum = store_->database().query("SELECT coalesce(sum(bytes), 0) FROM kept WHERE server = ?");
  if (!sum) return sum.refusal();
  auto found = sum->bind(1, server).step();
  if (!found) return found.refusal();
  return static_cast<std::uint64_t>(sum->number(0));
}

Status CustodyBook::insert(const KeptContent& content) {
  auto insert = store_->database().query(
      "INSERT INTO kept(id, server, path, time_ns, bytes, mode, owner, group_)"
      " VALUES(?, ?, ?, ?, ?, ?, ?, ?)");
  if (!insert) return insert.refusal();
  return insert->bind(1, content.id)
      .bind(2, content.server)
      .bind_blob(3, content.path)
      .bind(4, content.time_ns)
      .bind(5, static_cast<std::int64_t>(content.bytes))
      .bind(6, content.mode)
      .bind(7, content.owner)
      .bind(8, content.group)
      .run();
}

// The row comes after the file: what is listed is there.
int CustodyBook::keep(const KeptContent& content, int file) {
  auto bytes = kept_bytes(content.server);
  if (bytes && *bytes + content.bytes > most_kept_bytes) return EDQUOT;
  if (!bytes) return EIO;
  const std::filesystem::path path = content_file(content.id);
  if (int error = write_content(path, file)) return error;
  Status inserted = insert(content);
  if (inserted) return 0;
  log_line(LogLevel::error, "custody.not_kept",
           {{"server", content.server}, {"why", inserted.refusal().detail}});
  ::unlink(path.c_str());
  return EIO;
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

}  // namespace toolgate
