// The half of harness_install.hpp that touches the disk.

#include "gateway/config/harness_install.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "gateway/config/edit.hpp"
#include "gateway/config/file_text.hpp"
#include "gateway/config/problems.hpp"

namespace toolgate {
namespace {

using Change = HarnessChange::Kind;

Refusal about(const std::filesystem::path& file, Reason reason, const std::string& why) {
  return Refusal(reason, config::printable(file.string(), 4'096) + ": " + why);
}

Refusal cannot(const std::filesystem::path& file, std::string_view what, int error) {
  return about(file, Reason::storage,
               std::string(what) + ": " + std::system_category().message(error));
}

std::filesystem::path backup_of(const std::filesystem::path& file) {
  std::filesystem::path backup = file;
  backup += ".toolgate-backup";
  return backup;
}

// Never touches a backup that is there.
Status keep_backup(const std::filesystem::path& backup, const std::string& text) {
  const int made = open(backup.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (made < 0) {
    if (errno == EEXIST) return done();
    return cannot(backup, "cannot be made", errno);
  }
  std::string_view left = text;
  int error = 0;
  while (!left.empty() && error == 0) {
    const ssize_t count = write(made, left.data(), left.size());
    if (count >= 0) {
      left.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  if (error == 0 && fsync(made) != 0) error = errno;
  close(made);
  if (error == 0) return done();
  unlink(backup.c_str());
  return cannot(backup, "cannot be written", error);
}

// Makes room for a new backup: an older one, of a text that has been changed since, gets a number.
Status set_aside(const std::filesystem::path& backup) {
  constexpr int most = 1'000;
  for (int number = 1; number <= most; ++number) {
    const std::filesystem::path numbered = backup.string() + "." + std::to_string(number);
    if (renameat2(AT_FDCWD, backup.c_str(), AT_FDCWD, numbered.c_str(), RENAME_NOREPLACE) == 0) {
      return done();
    }
    if (errno != EEXIST) return cannot(backup, "cannot be renamed", errno);
  }
  return about(backup, Reason::bad_configuration, "has a thousand others beside it; remove some");
}

std::vector<std::string> bypassing(const HarnessClient& client, const std::filesystem::path& file,
                                   const std::string& text) {
  std::vector<std::string> names;
  const auto read = config::read_harness_format(text, file, client.format);
  if (!read) return names;
  for (const config::ServerSet& set : read->sets()) {
    for (const Member& member : set.servers.members()) {
      if (member.name != "toolgate") names.push_back(config::printable(member.name));
    }
  }
  return names;
}

struct Files {
  std::optional<std::string> text;
  std::optional<std::string> backup;
};

Result<Files> look(const std::filesystem::path& file) {
  Result<std::optional<std::string>> text = config::read_file_if_there(file);
  if (!text) return text.refusal();
  struct stat status{};
  if (*text && lstat(file.c_str(), &status) == 0 && (status.st_mode & 0222U) == 0) {
    return about(file, Reason::bad_configuration,
                 "is read-only, which somebody has meant; chmod u+w it first");
  }
  Result<std::optional<std::string>> backup = config::read_file_if_there(backup_of(file));
  if (!backup) return backup.refusal();
  return Files{std::move(*text), std::move(*backup)};
}

Status remove_file(const std::filesystem::path& file, const std::string& text) {
  const auto now = config::read_file_if_there(file);
  if (!now) return now.refusal();
  if (*now && **now != text) {
    return about(file, Reason::bad_configuration,
                 "another program has changed it just now; try again");
  }
  if (unlink(file.c_str()) != 0 && errno != ENOENT) return cannot(file, "cannot be removed", errno);
  return done();
}

}  // namespace

Result<HarnessChange> install_gateway(const HarnessClient& client,
                                      const std::filesystem::path& file,
                                      const GatewayEntry& entry) {
  const Result<Files> files = look(file);
  if (!files) return files.refusal();
  const Result<std::string> after =
      with_gateway(client, files->text.value_or(""), entry, files->backup);
  if (!after) return about(file, after.refusal().reason, after.refusal().detail);
  HarnessChange change;
  change.bypassing = bypassing(client, file, *after);
  const bool stale = files->backup && files->backup != files->text &&
                     !has_gateway(client, files->text.value_or(""));
  if (files->backup && !stale) change.backup = backup_of(file);
  if (files->text && *files->text == *after) return change;
  if (stale) {
    const Status aside = set_aside(backup_of(file));
    if (!aside) return aside.refusal();
  }
  if (files->text) {
    const Status kept = keep_backup(backup_of(file), *files->text);
    if (!kept) return kept.refusal();
    change.backup = backup_of(file);
  } else {
    std::error_code error;
    std::filesystem::create_directories(file.parent_path(), error);
    if (error) return cannot(file.parent_path(), "cannot be made", error.value());
  }
  const Status written = replace_file_holding(file, files->text, *after);
  if (!written) {
    const bool ours = files->text && (!files->backup || stale);
    if (ours) unlink(backup_of(file).c_str());  // it is no backup of anything
    return written.refusal();
  }
  change.kind = Change::written;
  return change;
}

Result<HarnessChange> uninstall_gateway(const HarnessClient& client,
                                        const std::filesystem::path& file) {
  const Result<Files> files = look(file);
  if (!files) return files.refusal();
  HarnessChange change;
  if (files->backup) change.backup = backup_of(file);
  if (!files->text) return change;
  // Without a backup the file was made by `install`: as if out of nothing.
  const std::optional<std::string> before = files->backup ? files->backup : std::string();
  const Result<std::string> after = without_gateway(client, *files->text, before);
  if (!after) return about(file, after.refusal().reason, after.refusal().detail);
  if (*after == *files->text) return change;
  change.bypassing = bypassing(client, file, *after);
  if (!files->backup && after->empty()) {
    const Status gone = remove_file(file, *files->text);
    if (!gone) return gone.refusal();
    change.kind = Change::deleted;
    return change;
  }
  const Status written = replace_file_holding(file, files->text, *after);
  if (!written) return written.refusal();
  change.kind = Change::written;
  if (!files->backup || *files->backup != *after) return change;
  const Status gone = remove_file(backup_of(file), *files->backup);
  if (!gone) return gone.refusal();
  change.kind = Change::restored;
  change.backup.clear();
  return change;
}

}  // namespace toolgate
