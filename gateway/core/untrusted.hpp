#pragma once
// Text from outside the broker, and the proof that it was looked at.

#include <string>
#include <utility>

namespace toolgate {

// A value that came over a pipe and that nobody has checked. Only a parse_* function opens it.
template <class T>
class Untrusted {
 public:
  explicit Untrusted(T value) : value_(std::move(value)) {}
  // For parsers alone: what they return needs no second check.
  T open_unchecked() && { return std::move(value_); }
  const T& peek_unchecked() const { return value_; }

 private:
  T value_;
};

// A JSON-RPC message that may go to an agent: it was made by the broker itself, or every string in
// it has passed the inspectors. Agent-side connectors accept nothing else, so text that nobody
// inspected does not compile. The gate that makes it is inspectors/gate.hpp.
class Inspected {
 public:
  const std::string& text() const { return text_; }
  std::string take() && { return std::move(text_); }

 private:
  friend class InspectionGate;
  explicit Inspected(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace toolgate
