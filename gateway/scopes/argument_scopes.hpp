#pragma once
// The step of the call path that holds the arguments of a call against the file scopes of its
// server: a clear refusal and a record, before the server sees the call. The second enforcement of
// the same scopes, in the kernel and for the process, is the sandbox's, and it is the boundary:
// this one sees what arguments say, not what a server does.
//
// An argument passes when every reading of it (path_text.hpp) is in a scope. Modes are not judged
// here: whether a tool writes is not known from its arguments, and the kernel refuses the write.
//
// Relative paths begin at the server's working directory: `cwd` of its entry, else the gateway's
// own. The scopes are those that were there when the server was started.

#include <filesystem>
#include <string>
#include <vector>

#include "gateway/config/configuration.hpp"
#include "gateway/core/result.hpp"
#include "gateway/scopes/file_scopes.hpp"
#include "gateway/scopes/path_arguments.hpp"

namespace toolgate {

// The proof that the paths in a call's arguments were looked at. Only ArgumentScopes makes one.
class Confined {
 private:
  friend class ArgumentScopes;
  Confined() = default;
};

class ArgumentScopes {
 public:
  explicit ArgumentScopes(const ServerEntry& entry);

  // Refuses with `out_of_scope`: the detail names the argument and the scopes that there are, and
  // never the value. Bounded: `most_steps` names are walked for one call.
  Result<Confined> confine(const std::vector<PathArgument>& arguments);

  static constexpr std::size_t most_steps = 16'384;

 private:
  Status judge(const PathArgument& argument, std::size_t& steps);
  std::string described() const;

  std::string server_;
  FileScopes scopes_;
};

}  // namespace toolgate
