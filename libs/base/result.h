// A value or an Error. Ignoring one is a compile error ([[nodiscard]] and -Werror=unused-result); asking an error for
// its value is a bug and ends in BadResultAccess. The error lies on the heap, shared and const: a Result is hardly
// larger than its value, and many of them fit into the frame of a coroutine.
//
//   auto plan = make_plan(...);
//   if (!plan) co_return plan.error();
#pragma once

#include <memory>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <boost/system/result.hpp>

#include "base/error.h"

namespace maestro {

struct BadResultAccess : std::logic_error {
  using std::logic_error::logic_error;
};

using SharedError = std::shared_ptr<const Error>;

// Found by boost::system::result by argument-dependent lookup.
[[noreturn]] inline void throw_exception_from_error(const SharedError& error, const boost::source_location&) {
  throw BadResultAccess("value() of an error: " + error->message);
}

template <class T>
class [[nodiscard]] Result : public boost::system::result<T, SharedError> {
  using Base = boost::system::result<T, SharedError>;

 public:
  Result(Error error) : Base(boost::system::in_place_error, std::make_shared<const Error>(std::move(error))) {}
  template <class Value>
    requires(std::is_convertible_v<Value, T> && !std::is_base_of_v<Result, std::remove_cvref_t<Value>> &&
             !std::is_same_v<std::remove_cvref_t<Value>, Error>)
  Result(Value&& value) : Base(boost::system::in_place_value, std::forward<Value>(value)) {}
  Result() = default;

  // Of an error only.
  const Error& error() const { return *Base::error(); }
};

template <>
class [[nodiscard]] Result<void> : public boost::system::result<void, SharedError> {
  using Base = boost::system::result<void, SharedError>;

 public:
  Result() = default;
  Result(Error error) : Base(boost::system::in_place_error, std::make_shared<const Error>(std::move(error))) {}
  const Error& error() const { return *Base::error(); }
};

inline Result<void> success() { return {}; }

}  // namespace maestro
