#pragma once
// Reads the launcher's orders (orders.hpp). What is not as written there ends the program
// (refusal.hpp): nobody but the gateway writes them.

#include <linux/filter.h>

#include <cstddef>
#include <cstdint>

#include "connectors/launcher/guard.hpp"

namespace toolgate {

struct Filters {
  sock_fprog calls;
  sock_fprog stops;  // those that wait for the supervisor
};

class OrderReader {
 public:
  // Reads the file to its end, and closes it.
  explicit OrderReader(int number);
  OrderReader(const OrderReader&) = delete;

  char* text();
  std::uint64_t number();
  // A count and so many fields, as execve takes them.
  char** list();
  // The same, with the count.
  Texts texts();
  // Both filters; nothing follows them.
  Filters filters();

 private:
  char* text_ = nullptr;
  std::size_t size_ = 0;
  std::size_t at_ = 0;
};

}  // namespace toolgate
