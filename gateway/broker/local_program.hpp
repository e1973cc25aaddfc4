#pragma once
// The program of a command, found on the host so that a sandbox can show it and an administrator
// need not grant it: the executable, and for an interpreter the script that it is told to run, with
// the package or project that the script belongs to. In the sandbox it is readable and executable,
// and cannot be written, not even inside of a writable scope, unless such a scope is exactly the
// program's own directory: then the administrator's word counts.
//
// What is shown that way is at most the outermost node_modules above a script, or the nearest
// directory with a package.json, pyproject.toml, setup.py or pyvenv.cfg up to four levels above it
// (never one that holds the user's home), or the file alone.

#include <filesystem>
#include <string>
#include <vector>

#include "gateway/core/result.hpp"

namespace toolgate {

struct LocalProgram {
  std::vector<std::string> argv;   // the command by its own path, without symbolic links
  std::vector<std::string> paths;  // what it consists of outside of /usr: absolute, no links
  std::string search_path;         // PATH in the sandbox
};

// `cwd` empty: the gateway's own. A name without "/" is looked up in `search_path`, relative
// entries of which are skipped. Refused (`unavailable`): a command that is not there.
Result<LocalProgram> find_program(const std::vector<std::string>& argv,
                                  const std::filesystem::path& cwd, const std::string& search_path);

}  // namespace toolgate
