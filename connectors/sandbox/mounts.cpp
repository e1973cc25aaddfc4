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
    const bool is_strict = inner.scope().mode == FileMode::rw_no_delete && !inner.scope().is_staged;
    for (const char* own : {"/tmp", "/dev/shm", sandbox_home}) {
      if (!is_strict || !is_beneath(path_of(inner), own)) continue;
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
      const bool is_wider = outer.scope().mode == FileMode::rw || outer.scope().is_staged;
      if (is_strict && is_wider && is_beneath(path_of(inner), path_of(outer))) {
        return Refusal(Reason::bad_configuration,
                       "the file scope '" + path_of(inner) + "' is rw-no-delete inside of '" +
                           path_of(outer) +
                           "' and enforced strictly, which the kernel cannot do beneath what it "
                           "grants more above: leave out \"enforcement\": \"strict\", or write it "
                           "for the outer one too");
      }
    }
  }
  return done();
}

// The program of a server is shown as a whole: never with the gateway's files or the user's home.
Status check_program(const std::string& program, const SandboxPlan& plan) {
  auto is_or_holds = [&](const std::string& path) {
    return path == program || is_beneath(path, program);
  };
  if (!plan.home.empty() && is_or_holds(plan.home)) {
    return Refusal(Reason::bad_configuration,
                   "the server's program '" + program +
                       "' would show your home with all its keys: move it into a directory of its "
                       "own");
  }
  for (const std::string& folder : plan.forbidden) {
    const bool is_frozen = is_beneath(program, folder + "/packages");
    if (is_or_holds(folder) || (is_beneath(program, folder) && !is_frozen)) {
      return Refusal(Reason::bad_configuration, "the server's program '" + program +
                                                    "' would show the gateway's own files in '" +
                                                    folder + "': move it apart from them");
    }
  }
  return done();
}

}  // namespace

Result<Mounts> Mounts::make(const SandboxPlan& plan, std::vector<ScopeTree>& scopes,
                            const std::vector<std::pair<std::string, int>>& opened) {
  std::ranges::sort(scopes, {}, [](const ScopeTree& scope) { return path_of(scope); });
  Status nesting = check_nesting(scopes);
  if (!nesting) return nesting.refusal();
  Mounts mounts;
  for (const std::string& program : plan.programs) {
    Status fit = check_program(program, plan);
    if (!fit) return fit.refusal();
    const auto known = std::ranges::find(opened, program, &std::pair<std::string, int>::first);
    Descriptor file = known != opened.end()
                          ? Descriptor(::fcntl(known->second, F_DUPFD_CLOEXEC, 16))
                          : open_without_links(AT_FDCWD, program, O_PATH);
    if (!file) {
      return Refusal(Reason::unavailable, "the server's program '" + program +
                                              "' cannot be opened: " + std::strerror(errno));
    }
    mounts.mounts_.push_back(Mount{program, Mount::Kind::read_only, std::move(file)});
  }
  for (const ScopeTree& scope : scopes) {
    // Where a scope is the program's own directory, the administrator's word counts.
    std::erase_if(mounts.mounts_, [&](const Mount& mount) { return mount.path == path_of(scope); });
    Descriptor root(::fcntl(scope.root().number(), F_DUPFD_CLOEXEC, 16));
    mounts.mounts_.push_back(Mount{path_of(scope), kind_of(scope.scope().mode), std::move(root)});
  }
  std::vector<std::string> inner;
  for (const Mount& mount : mounts.mounts_) inner.push_back(mount.path);
  for (const ScopeTree& scope : scopes) mounts.add_held(scope, inner);
  std::ranges::sort(mounts.mounts_, {}, &Mount::path);
  return mounts;
}

bool Mounts::has(const std::string& path) const {
  return std::ranges::find(mounts_, path, &Mount::path) != mounts_.end();
}

void Mounts::add_held(const ScopeTree& scope, const std::vector<std::string>& inner) {
  if (!scope.is_directory()) return;
  const std::string& own = path_of(scope);
  for (const HeldPath& held : scope.held()) {
    const std::string path = own + "/" + held.path;
    const bool is_of_inner = std::ranges::any_of(inner, [&](const std::string& other) {
      return is_beneath(other, own) && (path == other || is_beneath(path, other));
    });
    if (is_of_inner) continue;
    pin_ancestors(scope, held.path, inner);
    mounts_.push_back(Mount{
        path, held.protection == Protection::hidden ? Mount::Kind::hidden : Mount::Kind::read_only,
        Descriptor()});
  }
  for (const std::string& other : inner) {
    if (is_beneath(other, own)) pin_ancestors(scope, other.substr(own.size() + 1), inner);
  }
}

void Mounts::pin_ancestors(const ScopeTree& scope, const std::string& path,
                           const std::vector<std::string>& inner) {
  if (scope.scope().mode == FileMode::ro) return;
  const std::string& own = path_of(scope);
  for (std::size_t at = path.find('/'); at != std::string::npos; at = path.find('/', at + 1)) {
    const std::string whole = own + "/" + path.substr(0, at);
    if (std::ranges::find(inner, whole) != inner.end()) return;  // a mount, with its own ancestors
    if (has(whole)) continue;
    mounts_.push_back(Mount{whole, Mount::Kind::writable, Descriptor()});
  }
}

}  // namespace toolgate
