#include "connectors/launcher/order_reader.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "connectors/launcher/refusal.hpp"

namespace toolgate {

OrderReader::OrderReader(int number) {
  struct stat about{};
  if (fstat(number, &about) != 0 || about.st_size <= 0) refuse_orders();
  size_ = static_cast<std::size_t>(about.st_size);
  text_ = static_cast<char*>(std::malloc(size_));
  if (text_ == nullptr) refuse("memory for the orders");
  for (std::size_t at = 0; at < size_;) {
    const ssize_t count = pread(number, text_ + at, size_ - at, static_cast<off_t>(at));
    if (count <= 0) refuse_orders();
    at += static_cast<std::size_t>(count);
  }
  close(number);
}

char* OrderReader::text() {
  char* field = text_ + at_;
  void* end = std::memchr(field, '\0', size_ - at_);
  if (end == nullptr) refuse_orders();
  at_ = static_cast<std::size_t>(static_cast<char*>(end) - text_) + 1;
  return field;
}

std::uint64_t OrderReader::number() {
  char* field = text();
  char* end = nullptr;
  errno = 0;
  const std::uint64_t value = std::strtoull(field, &end, 10);
  if (errno != 0 || end == field || *end != '\0') refuse_orders();
  return value;
}

char** OrderReader::list() {
  const std::uint64_t count = number();
  if (count > size_) refuse_orders();
  char** fields = static_cast<char**>(std::calloc(count + 1, sizeof(char*)));
  if (fields == nullptr) refuse("memory for the orders");
  for (std::uint64_t i = 0; i < count; ++i) fields[i] = text();
  return fields;
}

Texts OrderReader::texts() {
  const std::size_t begin = at_;
  const std::uint64_t count = number();
  at_ = begin;
  return Texts{list(), static_cast<std::size_t>(count)};
}

Filters OrderReader::filters() {
  const std::uint64_t calls = number();
  const std::uint64_t stops = number();
  if (calls == 0 || calls > BPF_MAXINSNS || stops > BPF_MAXINSNS ||
      size_ - at_ != (calls + stops) * sizeof(sock_filter)) {
    refuse_orders();
  }
  auto* copy = static_cast<sock_filter*>(std::malloc(size_ - at_));
  if (copy == nullptr) refuse("memory for the filters");
  std::memcpy(copy, text_ + at_, size_ - at_);
  return Filters{{static_cast<unsigned short>(calls), copy},
                 {static_cast<unsigned short>(stops), copy + calls}};
}

}  // namespace toolgate
