#pragma once
// The notes of one call while it is under way, and until the decisions in them have their ids:
// those come from the store, which takes a moment.
//
// One thread: that of the executor.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>

#include "gateway/core/file_note.hpp"
#include "gateway/core/task.hpp"

namespace toolgate {

class OpenNotes {
 public:
  explicit OpenNotes(const asio::any_io_executor& executor) : settled_(executor) {}
  OpenNotes(const OpenNotes&) = delete;

  void add(const FileNote& note) { notes_.add(note); }
  // One whose id comes with settle(): its place. Nothing where it is left out.
  std::optional<std::size_t> expect(const FileNote& note);
  void settle(std::size_t place, std::string id);

  const FileNotes& notes() const { return notes_; }
  bool empty() const { return notes_.list.empty(); }
  // Ends with the last id, or after a while without those that did not come.
  static Task<FileNotes> settled(std::shared_ptr<OpenNotes> notes);

 private:
  FileNotes notes_;
  std::size_t expected_ = 0;
  asio::steady_timer settled_;
};

}  // namespace toolgate
