#include "connectors/custodian.hpp"

#include <cerrno>
#include <cstring>

namespace toolgate {

std::string why_not_kept(int error) {
  switch (error) {
    case EDQUOT:
      return "too much is kept for this server already: `toolgate kept discard` what is not needed";
    case ENOSPC:
      return "too little would stay free on the disk of the home: make room there, or `toolgate "
             "kept discard` what is not needed";
    default:
      return std::string("the content could not be kept: ") + std::strerror(error);
  }
}

}  // namespace toolgate
