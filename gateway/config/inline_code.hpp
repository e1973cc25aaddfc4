#pragma once
// Does a command carry what it runs in its own arguments? Then no digest of a file covers that
// code, and whoever reads the name of the program has not read the program. By the options of
// shells and interpreters, and through programs that only start another one (env, nohup, timeout,
// sudo...).

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace toolgate::config {

// "/usr/bin/npx", "NPX.CMD" and "npx" are the same program.
std::string program_name(std::string_view command);

// Of a program that only starts another: that one's command (empty where none is named); nothing
// for every other program.
std::optional<std::vector<std::string>> wrapped_command(const std::vector<std::string>& argv);
// `env -S "a line"`
bool splits_a_line(const std::vector<std::string>& argv);

// sh -c LINE, powershell -Command ...
bool has_shell_line(const std::vector<std::string>& argv);
// node -e CODE, python3 -c CODE, deno eval CODE ...
bool has_inline_code(const std::vector<std::string>& argv);
// node --require FILE, --import FILE, --inspect ...
bool preloads_code(const std::vector<std::string>& argv);
// curl ... | sh, sh -c "$(wget ...)" and the like, in any argument
bool fetches_code(const std::vector<std::string>& argv);

}  // namespace toolgate::config
