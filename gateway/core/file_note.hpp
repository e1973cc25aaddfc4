#pragma once
// What happened to a name or to content in a staged file scope (gateway/core/file_scope.hpp): for
// the record of the calls that were under way, and for whoever decides afterwards.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace toolgate {

struct FileNote {
  enum class Effect {
    kept,     // content was about to change; what it was before is kept
    remove,   // a name was to disappear; it did not, and waits for a decision
    move,     // a name was to become `to`; the same
    replace,  // what stands at `to` was to be replaced by `path`, which is something else than a
              // change of content; the same
    unkept,   // content was to change and could not be kept before (`why`): it did not change
  };
  std::string id;  // UUIDv7, of the kept content or of the decision
  Effect effect = Effect::kept;
  std::string path;  // absolute; any bytes but NUL
  std::string to;
  std::string why = {};

  bool waits() const { return effect != Effect::kept && effect != Effect::unkept; }
};

// Those of one call, or of what no call claimed.
struct FileNotes {
  static constexpr std::size_t most = 100;
  std::vector<FileNote> list;
  std::size_t more = 0;  // that were left out

  // False where it is left out.
  bool add(const FileNote& note) {
    const bool fits = list.size() < most;
    if (fits) {
      list.push_back(note);
    } else {
      ++more;
    }
    return fits;
  }
  void add(const FileNotes& notes) {
    for (const FileNote& note : notes.list) add(note);
    more += notes.more;
  }
};

// Of the record that it stands in where no call claims it.
constexpr std::string_view record_kind(const FileNote& note) {
  if (note.effect == FileNote::Effect::unkept) return "file.not_kept";
  return note.waits() ? "file.held" : "file.change";
}

constexpr std::string_view effect_name(FileNote::Effect effect) {
  switch (effect) {
    case FileNote::Effect::kept:
      return "change";
    case FileNote::Effect::remove:
      return "remove";
    case FileNote::Effect::move:
      return "move";
    case FileNote::Effect::replace:
      return "replace";
    case FileNote::Effect::unkept:
      return "not_kept";
  }
  return "change";
}

}  // namespace toolgate
