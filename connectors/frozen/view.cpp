#include "connectors/frozen/view.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <thread>

#include "connectors/frozen/tree_check.hpp"
#include "connectors/frozen/tree_file.hpp"
#include "connectors/sandbox/scope_tree.hpp"

namespace toolgate {
namespace {

using namespace frozen_tree;

constexpr const char* tree_in_view = "tree";
constexpr const char* interpreter_in_view = "interpreter";
constexpr std::uint64_t page_bytes = 4096;
constexpr std::uint64_t spare_bytes = std::uint64_t{1} << 20;

Refusal cannot(const std::string& what) {
  return Refusal(Reason::storage, "the verified copy of its frozen package cannot be made: " +
                                      what + ": " + std::strerror(errno));
}

Refusal interpreter_differs(const ManifestInterpreter& interpreter, const std::string& how) {
  return Refusal(Reason::bad_signature, "its interpreter " + interpreter.path + ' ' + how);
}

Result<std::string> read_manifest(const FrozenSource& source) {
  const std::string path = source.package + '/' + manifest_name_in_package;
  auto missing = [&](const char* how) {
    return Refusal(Reason::bad_signature, "its frozen package is missing (" + path + ' ' + how +
                                              ": " + std::strerror(errno) + ")");
  };
  const Descriptor file(
      ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat about{};
  if (!file || ::fstat(file.number(), &about) != 0) return missing("cannot be opened");
  if (!S_ISREG(about.st_mode) ||
      static_cast<std::uint64_t>(about.st_size) > ManifestLimits().text_bytes) {
    return Refusal(Reason::bad_signature, "the manifest " + path + " was replaced");
  }
  std::string text(static_cast<std::size_t>(about.st_size), '\0');
  std::size_t at = 0;
  while (at < text.size()) {
    const ssize_t got = ::read(file.number(), text.data() + at, text.size() - at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return missing("cannot be read");
    if (got == 0) break;
    at += static_cast<std::size_t>(got);
  }
  text.resize(at);
  if (manifest_digest(text) != source.manifest) {
    return Refusal(Reason::bad_signature, "the manifest " + path + " was changed");
  }
  return text;
}

// A tmpfs that no path leads to.
Result<Descriptor> make_file_system(std::uint64_t bytes, std::uint64_t entries) {
  const Descriptor context(::fsopen("tmpfs", FSOPEN_CLOEXEC));
  auto set = [&](const char* name, const std::string& value) {
    return ::fsconfig(context.number(), FSCONFIG_SET_STRING, name, value.c_str(), 0) == 0;
  };
  if (!context || !set("size", std::to_string(bytes)) ||
      !set("nr_inodes", std::to_string(entries)) || !set("mode", "0755") ||
      ::fsconfig(context.number(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return cannot("a file system in memory");
  }
  Descriptor made(
      ::fsmount(context.number(), FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
  if (!made) return cannot("a file system in memory");
  return made;
}

bool is_empty(const std::string& folder) {
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(folder.c_str()), ::closedir);
  if (!stream) return false;
  while (const dirent* one = ::readdir(stream.get())) {
    const std::string_view name = one->d_name;
    if (name != "." && name != "..") return false;
  }
  return true;
}

}  // namespace

bool only_root_changes(const struct stat& about) {
  if (about.st_uid != 0 || (about.st_mode & (S_IWGRP | S_IWOTH)) != 0) return false;
  return std::ranges::any_of(std::to_array({"/usr", "/"}), [&](const char* folder) {
    struct stat system{};
    return ::stat(folder, &system) == 0 && system.st_dev == about.st_dev;
  });
}

std::uint64_t view_bytes(const ManifestStart& start) {
  const std::uint64_t interpreter = start.head.interpreter ? start.head.interpreter->bytes : 0;
  return start.bytes + interpreter + (start.entries + 1) * page_bytes + spare_bytes;
}

Result<std::string> place_without_sandbox() {
  constexpr std::array<const char*, 4> places = {"/media", "/srv", "/mnt", "/opt"};
  for (const char* place : places) {
    struct stat about{};
    if (::lstat(place, &about) == 0 && S_ISDIR(about.st_mode) && about.st_uid == 0 &&
        (about.st_mode & (S_IWGRP | S_IWOTH)) == 0 && is_empty(place)) {
      return std::string(place);
    }
  }
  return Refusal(Reason::unsupported,
                 "without a sandbox its verified copy is shown, to it alone, at one of /media, "
                 "/srv, /mnt and /opt, and none of them is an empty folder of root's here: make "
                 "one so, or run it in a sandbox");
}

Result<FrozenView> FrozenView::begin(const FrozenSource& source) {
  FrozenView view;
  view.source_ = source;
  auto text = read_manifest(source);
  if (!text) return text.refusal();
  auto manifest = parse_manifest(Untrusted<std::string>(std::move(*text)));
  if (!manifest) return Refusal(Reason::bad_signature, manifest.refusal().detail);
  view.manifest_ = std::move(*manifest);
  if (!view.manifest_.interpreter) return view;
  const ManifestInterpreter& interpreter = *view.manifest_.interpreter;
  struct stat about{};
  const Descriptor file = open_without_links(AT_FDCWD, interpreter.path, O_PATH);
  if (!file || ::fstat(file.number(), &about) != 0) {
    return interpreter_differs(interpreter,
                               std::string("cannot be opened (") + std::strerror(errno) + ")");
  }
  view.interpreter_device_ = about.st_dev;
  view.interpreter_file_ = about.st_ino;
  view.interpreter_needs_copy_ = !only_root_changes(about);
  return view;
}

Status FrozenView::copy_interpreter(int into) {
  const ManifestInterpreter& interpreter = *manifest_.interpreter;
  Descriptor file = open_without_links(AT_FDCWD, interpreter.path, O_RDONLY | O_NONBLOCK);
  struct stat about{};
  if (!file || ::fstat(file.number(), &about) != 0) {
    return interpreter_differs(interpreter,
                               std::string("cannot be opened (") + std::strerror(errno) + ")");
  }
  if (about.st_dev != interpreter_device_ || about.st_ino != interpreter_file_) {
    return interpreter_differs(interpreter, "was replaced while it started");
  }
  constexpr const char* updated =
      "is not the one that it was frozen with (a system update may have replaced it)";
  if (!S_ISREG(about.st_mode) || static_cast<std::uint64_t>(about.st_size) != interpreter.bytes) {
    return interpreter_differs(interpreter, updated);
  }
  Descriptor copy;
  if (interpreter_needs_copy_) {
    copy = create_beneath(into, interpreter_in_view, sealed_program);
    if (!copy) return cannot("a copy of the interpreter");
  }
  FileHash hash;
  auto sum = hash.of_bytes(file, interpreter.path, interpreter.bytes, copy);
  if (!sum) return sum.refusal();
  if (*sum != interpreter.sha256) return interpreter_differs(interpreter, updated);
  interpreter_ = std::move(file);
  return done();
}

Status FrozenView::make_parts(const std::string& tree) {
  Descriptor root = open_root(tree);
  if (!root) return failed("open", "", errno);
  if (::mkdirat(view_.number(), tree_in_view, sealed_directory) != 0) return cannot("its folder");
  const Descriptor copy = open_beneath(view_.number(), tree_in_view, O_RDONLY | O_DIRECTORY);
  if (!copy) return cannot("its folder");
  Status interpreter = done();
  Status same = Status(Refusal(Reason::internal, ""));
  {
    std::jthread beside;
    if (manifest_.interpreter) {
      beside = std::jthread([&] {
        try {
          interpreter = copy_interpreter(view_.number());
        } catch (const std::exception& fault) {
          interpreter = Refusal(Reason::internal, fault.what());
        }
      });
    }
    same = copy_tree(root.number(), manifest_, copy.number());
  }
  return same ? interpreter : same;
}

Status FrozenView::make(const std::string& directory) {
  const ManifestStart start{manifest_, manifest_.entries.size(), manifest_.bytes()};
  constexpr std::uint64_t own_entries = 4;
  auto made = make_file_system(view_bytes(start), start.entries + own_entries);
  if (!made) return made.refusal();
  view_ = std::move(*made);
  const mode_t before = ::umask(0);
  const Status parts = make_parts(source_.package + '/' + tree_name_in_package);
  ::umask(before);
  if (!parts) return parts;

  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  if (::mount_setattr(view_.number(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0) {
    return cannot("making it read-only");
  }
  const Descriptor place(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!place || ::move_mount(view_.number(), "", place.number(), "",
                             MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0) {
    return cannot("mounting it");
  }
  tree_ = open_beneath(view_.number(), tree_in_view, O_PATH | O_DIRECTORY);
  if (!tree_) return cannot("opening it");
  if (!manifest_.interpreter || !interpreter_needs_copy_) return done();
  interpreter_ = open_beneath(view_.number(), interpreter_in_view, O_RDONLY);
  return interpreter_ ? done() : Status(cannot("opening the interpreter"));
}

std::vector<std::pair<std::string, int>> FrozenView::shown() const {
  std::vector<std::pair<std::string, int>> all = {{source_.at, tree_.number()}};
  if (manifest_.interpreter) {
    all.emplace_back(manifest_.interpreter->path, interpreter_.number());
  }
  return all;
}

}  // namespace toolgate
