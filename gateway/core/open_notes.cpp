#include "gateway/core/open_notes.hpp"

namespace toolgate {
namespace {

// The store itself waits no longer for another process.
constexpr std::chrono::seconds longest{15};

}  // namespace

std::optional<std::size_t> OpenNotes::expect(const FileNote& note) {
  if (!notes_.add(note)) return std::nullopt;
  ++expected_;
  return notes_.list.size() - 1;
}

void OpenNotes::settle(std::size_t place, std::string id) {
  notes_.list[place].id = std::move(id);
  if (--expected_ == 0) settled_.cancel();
}

Task<FileNotes> OpenNotes::settled(std::shared_ptr<OpenNotes> notes) {
  if (notes->expected_ > 0) {
    notes->settled_.expires_after(longest);
    co_await notes->settled_.async_wait(as_result);
  }
  co_return notes->notes_;
}

}  // namespace toolgate
