#pragma once
// A home of its own for a test, gone when the test is.

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "gateway/store/store.hpp"

namespace toolgate::test {

class TemporaryHome {
 public:
  TemporaryHome() {
    std::string name = (std::filesystem::temp_directory_path() / "toolgate-test-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TemporaryHome() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryHome(const TemporaryHome&) = delete;
  const std::filesystem::path& path() const { return path_; }

  std::unique_ptr<Store> open(Store::Mode mode = Store::Mode::create) const {
    auto store = Store::open(path_, mode);
    if (!store) FAIL(store.refusal().detail);
    return std::move(*store);
  }

 private:
  std::filesystem::path path_;
};

}  // namespace toolgate::test
