#pragma once
// Tells when the configuration file may have changed, so that a running gateway can read it again.
//
// inotify (inotify(7)) on the file's directory, since editors and `toolgate import` replace the
// file rather than write into it; where the path is a symbolic link, on the target's directory too.
// Changes within 50 ms are one call. The callback runs on the executor's thread, never inside the
// constructor; whether the new text is any good is for load_configuration() to say.

#include <boost/asio/any_io_executor.hpp>
#include <filesystem>
#include <functional>
#include <memory>

#include "gateway/core/result.hpp"
#include "gateway/core/task.hpp"

namespace toolgate {

// A resource. After its destructor returns, `changed` is not called any more. Destroyed on the
// executor's thread.
class ConfigurationWatch {
 public:
  // Refuses with `unavailable` where the directory cannot be watched.
  static Result<std::unique_ptr<ConfigurationWatch>> start(asio::any_io_executor executor,
                                                           std::filesystem::path file,
                                                           std::function<void()> changed);
  ~ConfigurationWatch();
  ConfigurationWatch(const ConfigurationWatch&) = delete;
  ConfigurationWatch& operator=(const ConfigurationWatch&) = delete;

 private:
  class State;
  explicit ConfigurationWatch(std::shared_ptr<State> state);
  // Shared with handlers that asio still owes a last, cancelled call after the watch has gone.
  std::shared_ptr<State> state_;
};

}  // namespace toolgate
