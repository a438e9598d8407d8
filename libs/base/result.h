// A value or an Error. Ignoring one is a compile error ([[nodiscard]] and -Werror=unused-result); asking an error for
// its value is a bug and ends in BadResultAccess.
//
//   auto plan = make_plan(...);
//   if (!plan) co_return plan.error();
#pragma once

#include <stdexcept>
#include <utility>

#include <boost/system/result.hpp>

#include "base/error.h"

namespace maestro {

struct BadResultAccess : std::logic_error {
  using std::logic_error::logic_error;
};

// Found by boost::system::result by argument-dependent lookup.
[[noreturn]] inline void throw_exception_from_error(const Error& error, const boost::source_location&) {
  throw BadResultAccess("value() of an error: " + error.message);
}

template <class T>
class [[nodiscard]] Result : public boost::system::result<T, Error> {
 public:
  using boost::system::result<T, Error>::result;
};

template <>
class [[nodiscard]] Result<void> : public boost::system::result<void, Error> {
 public:
  using boost::system::result<void, Error>::result;
  Result() = default;
};

inline Result<void> success() { return {}; }

}  // namespace maestro
