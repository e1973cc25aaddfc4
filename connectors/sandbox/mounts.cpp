#include "connectors/sandbox/mounts.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "connectors/sandbox/paths.hpp"

namespace toolgate {
namespace {

bool is_beneath(const std::string& path, const std::string& folder) {
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

const std::string& path_of(const ScopeTree& scope) { return scope.scope().path.native(); }

Mount::Kind kind_of(FileMode mode) {
  return mode == FileMode::ro ? Mount::Kind::read_only : Mount::Kind::writable;
}

// Landlock adds up what the rules of all directories above allow.
Status check_nesting(const std::vector<ScopeTree>& scopes) {
  for (const ScopeTree& inner : scopes) {
    for (const char* own : {"/tmp", "/dev/shm", sandbox_home}) {
      if (inner.scope().mode != FileMode::rw_no_delete || !is_beneath(path_of(inner), own))
        continue;
      return Refusal(Reason::bad_configuration,
                     "the file scope '" + path_of(inner) + "' is rw-no-delete inside of " + own +
                         ", which every server may write to: the kernel cannot take away beneath "
                         "what it granted above; use a directory elsewhere");
    }
    for (const ScopeTree& outer : scopes) {
      if (&inner == &outer) continue;
      if (path_of(inner) == path_of(outer)) {
        return Refusal(Reason::bad_configuration,
                       "the file scope '" + path_of(inner) + "' is there twice: keep one");
      }
      if (inner.scope().mode == FileMode::rw_no_delete && outer.scope().mode == FileMode::rw &&
          is_beneath(path_of(inner), path_of(outer))) {
        return Refusal(Reason::bad_configuration,
                       "the file scope '" + path_of(inner) + "' is rw-no-delete inside of '" +
                           path_of(outer) +
                           "', which is rw: the kernel cannot take away beneath what it granted "
                           "above; make the outer one rw-no-delete too, or grant its directories "
                           "one by one");
      }
    }
  }
  return done();
}

}  // namespace

Result<Mounts> Mounts::make(const SandboxPlan& plan, std::vector<ScopeTree>& scopes) {
  std::ranges::sort(scopes, {}, [](const ScopeTree& scope) { return path_of(scope); });
  Status nesting = check_nesting(scopes);
  if (!nesting) return nesting.refusal();
  Mounts mounts;
  for (const std::string& program : plan.programs) {
    Descriptor file = open_without_links(AT_FDCWD, program, O_PATH);
    if (!file) {
      return Refusal(Reason::unavailable, "the server's program '" + program +
                                              "' cannot be opened: " + std::strerror(errno));
    }
    mounts.mounts_.push_back(Mount{program, Mount::Kind::read_only, std::move(file)});
  }
  for (const ScopeTree& scope : scopes) {
    Status added = mounts.add_scope(scope, scopes);
    if (!added) return added.refusal();
    for (const std::string& program : plan.programs) {
      if (!is_beneath(program, path_of(scope))) continue;
      Status pinned = mounts.pin_ancestors(scope, program.substr(path_of(scope).size() + 1));
      if (!pinned) return pinned.refusal();
    }
  }
  std::ranges::sort(mounts.mounts_, {}, &Mount::path);
  return mounts;
}

bool Mounts::has(const std::string& path) const {
  return std::ranges::find(mounts_, path, &Mount::path) != mounts_.end();
}

Status Mounts::add_scope(const ScopeTree& scope, const std::vector<ScopeTree>& scopes) {
  const Mount::Kind kind = kind_of(scope.scope().mode);
  auto root = open_without_links(scope.root().number(), ".", O_PATH);
  if (!scope.is_directory()) root = Descriptor(::fcntl(scope.root().number(), F_DUPFD_CLOEXEC, 16));
  // A program inside of a scope is not writable by what runs it.
  std::erase_if(mounts_, [&](const Mount& mount) { return mount.path == path_of(scope); });
  mounts_.push_back(Mount{path_of(scope), kind, std::move(root)});
  if (!scope.is_directory()) return done();

  for (const HeldPath& held : scope.held()) {
    const std::string path = path_of(scope) + "/" + held.path;
    const bool is_granted =
        std::ranges::any_of(scopes, [&](const ScopeTree& other) { return path_of(other) == path; });
    if (is_granted) continue;
    Status pinned = pin_ancestors(scope, held.path);
    if (!pinned) return pinned;
    if (held.protection == Protection::hidden) {
      mounts_.push_back(
          Mount{path, held.is_directory ? Mount::Kind::hidden_directory : Mount::Kind::hidden_file,
                Descriptor()});
      continue;
    }
    auto file = scope.open_beneath(held.path);
    if (!file) return file.refusal();
    mounts_.push_back(Mount{path, Mount::Kind::read_only, std::move(*file)});
  }
  for (const ScopeTree& inner : scopes) {
    if (!is_beneath(path_of(inner), path_of(scope))) continue;
    Status pinned = pin_ancestors(scope, path_of(inner).substr(path_of(scope).size() + 1));
    if (!pinned) return pinned;
  }
  return done();
}

Status Mounts::pin_ancestors(const ScopeTree& scope, const std::string& path) {
  if (scope.scope().mode == FileMode::ro) return done();
  for (std::size_t at = path.find('/'); at != std::string::npos; at = path.find('/', at + 1)) {
    const std::string ancestor = path.substr(0, at);
    const std::string whole = path_of(scope) + "/" + ancestor;
    if (has(whole)) continue;
    auto file = scope.open_beneath(ancestor);
    if (!file) return file.refusal();
    mounts_.push_back(Mount{whole, Mount::Kind::writable, std::move(*file)});
  }
  return done();
}

}  // namespace toolgate
