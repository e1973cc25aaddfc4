#pragma once
// Structured lines on stderr: `time level event key=value …`, or JSON objects. stdout belongs to
// the protocol. Every value is escaped (quoted ones are JSON strings of ASCII alone), so that
// nothing from outside can forge a line or move a cursor. A line is at most PIPE_BUF (4096) bytes,
// and is dropped when stderr is a pipe that nobody empties: the log is help, the audit log is the
// record.

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace toolgate {

enum class LogLevel { debug, info, warning, error, off };
enum class LogForm { text, json };

// Process-wide, set once by main() before anything runs.
void set_log(LogLevel least, LogForm form);

using LogField = std::pair<std::string_view, std::string>;

// One write to stderr. Values longer than 4096 bytes are cut.
void log_line(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {});

// The line that log_line() writes, with its newline.
std::string log_text(LogForm form, std::int64_t utc_ns, LogLevel level, std::string_view event,
                     std::initializer_list<LogField> fields);

}  // namespace toolgate
