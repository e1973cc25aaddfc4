#pragma once
// Where commands print. Text from outside (tool names, errors of servers) goes through visible():
// nothing that a server says may move the cursor, change what was printed or hide.

#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/config/configuration.hpp"
#include "gateway/core/result.hpp"
#include "signing/keys.hpp"

namespace toolgate {

struct Console {
  std::ostream& out;
  std::ostream& error;
  Environment environment;
  bool styled = false;             // colours: on a terminal, unless NO_COLOR is set
  std::size_t columns = 0;         // of the terminal; 0 when this is none: nothing is shortened
  bool error_is_terminal = false;  // somebody may be looking at stderr
  // Asks without an echo; empty where there is no terminal to ask on.
  std::function<Result<SecretBytes>(const std::string& prompt)> ask_secret = {};
  // Asks for a yes or a no, and takes everything else for a no; empty where there is no terminal.
  std::function<bool(const std::string& question)> ask_yes = {};
};

// stdout and stderr of this process.
Console standard_console();

// The text with everything that a terminal would act on, or would not show, written as \u{HEX}:
// controls, bidirectional marks, zero-width characters, tags, variation selectors, bytes that are
// no UTF-8.
std::string visible(std::string_view text);

// Line by line visible(), each after four spaces and with its newline.
std::string indented(std::string_view text);

// A JSON text for this console: on a terminal with all that is not ASCII escaped, else as it is.
std::string json_line(const Console& console, std::string_view json);

// `removed` and `added` colour the ground too, so that white space shows.
enum class Style { plain, good, warning, bad, faint, strong, removed, added };
std::string styled(const Console& console, Style style, std::string_view text);

// Columns that fit the terminal: the widest are shortened (with "…") until a line fits.
class Table {
 public:
  enum class Fit { shrink, keep };
  // A column that is kept is never shortened.
  explicit Table(std::vector<std::pair<std::string, Fit>> columns);
  // Cells go through visible().
  void add(const std::vector<std::string>& cells, Style style = Style::plain);
  bool empty() const { return rows_.empty(); }
  void print(Console& console) const;

 private:
  struct Row {
    std::vector<std::string> cells;
    Style style;
  };
  std::vector<std::size_t> widths(std::size_t columns) const;
  std::vector<std::pair<std::string, Fit>> columns_;
  std::vector<Row> rows_;
};

}  // namespace toolgate
