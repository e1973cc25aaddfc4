#pragma once
// A refusal is a value: the broker doing its job. Whoever gets a Result must look at it.
// Faults (disk, memory, a library) are exceptions; false invariants are asserts.

#include <cassert>
#include <string>
#include <utility>
#include <variant>

#include "gateway/core/reason.hpp"

namespace toolgate {

// Why something was refused. `detail` names the thing and the remedy in the broker's own words. It
// may hold names that passed a check (a server's, a tool's), never other bytes from the wire.
struct Refusal {
  Reason reason = Reason::forgotten;
  std::string detail;

  Refusal() = default;
  Refusal(Reason why, std::string text) : reason(why), detail(std::move(text)) {}
};

template <class T>
class [[nodiscard]] Result {
 public:
  explicit Result() : state_(Refusal(Reason::forgotten, "no answer was given")) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(T value) : state_(std::in_place_index<1>, std::move(value)) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(Refusal refusal) : state_(std::in_place_index<0>, std::move(refusal)) {}

  explicit operator bool() const { return state_.index() == 1; }
  T& operator*() {
    assert(*this);
    return *std::get_if<1>(&state_);
  }
  const T& operator*() const {
    assert(*this);
    return *std::get_if<1>(&state_);
  }
  T* operator->() { return &**this; }
  const T* operator->() const { return &**this; }
  const Refusal& refusal() const {
    assert(!*this);
    return *std::get_if<0>(&state_);
  }

 private:
  std::variant<Refusal, T> state_;
};

struct Done {};
using Status = Result<Done>;
inline Status done() { return Status(Done{}); }

}  // namespace toolgate
